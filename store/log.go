package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dogear/internal/atomicfile"
	"dogear/snapshot"
	"dogear/store/catalog"
)

// AppendEvent gives the event its Seq, its digests, and its Time if it has
// none, and adds it to the log, durable.
func (s *Store) AppendEvent(ctx context.Context, e *snapshot.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.publishing.Lock()
	defer s.publishing.Unlock()
	last, record, err := s.catalog.LastEvent()
	if err != nil {
		return err
	}
	if err := s.chain(e, record); err != nil {
		return err
	}
	if e.Seq, err = s.nextEvent(last); err != nil {
		return err
	}
	if e.Time.IsZero() {
		e.Time = s.now().UTC()
	}
	write := func() error { return s.putEvent(e) }
	if e.Operation == snapshot.OpRemove || e.Operation == snapshot.OpPrune {
		return s.explain(s.MakingRoom(write))
	}
	return s.explain(write())
}

// putEvent writes an event and lists it. One that cannot be listed is not
// left: the next one would not follow it.
func (s *Store) putEvent(e *snapshot.Event) error {
	record, err := encodeRecord(typeEvent, e)
	if err != nil {
		return err
	}
	path := s.recordPath(eventRecords(), eventName(e.Seq))
	if err := atomicfile.Write(path, 0o600, record); err != nil {
		return fmt.Errorf("record event: %w", err)
	}
	if err := s.catalog.Put(catalog.Events, catalog.Entry{Key: catalog.EventKey(e.Seq), Record: record}); err != nil {
		return errors.Join(err, removeIfThere(path))
	}
	return nil
}

// nextEvent returns the number that comes after last. It passes over those of
// records that are damaged, and so are not listed.
func (s *Store) nextEvent(last uint64) (uint64, error) {
	for seq := last + 1; ; seq++ {
		taken, err := exists(s.recordPath(eventRecords(), eventName(seq)))
		if err != nil || !taken {
			return seq, err
		}
	}
}

// Events returns the events of a workspace, or all if it is "", the newest
// first.
func (s *Store) Events(ctx context.Context, workspace string) ([]snapshot.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	listed, err := s.catalog.All(catalog.Events)
	if err != nil {
		return nil, err
	}
	events := []snapshot.Event{}
	for _, l := range slices.Backward(listed) {
		e, err := decode[snapshot.Event](l.Record, typeEvent)
		if err != nil {
			return nil, err
		}
		if workspace == "" || e.Workspace == workspace {
			events = append(events, e)
		}
	}
	return events, nil
}

// PutReceipt stores a receipt, durable, in place of one with the same id.
func (s *Store) PutReceipt(ctx context.Context, r snapshot.Receipt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkName(r.ID); err != nil {
		return err
	}
	record, err := encodeRecord(typeReceipt, r)
	if err != nil {
		return err
	}
	s.publishing.Lock()
	defer s.publishing.Unlock()
	return s.explain(s.putReceipt(catalog.Entry{Key: r.ID, Record: record}))
}

// putReceipt unlists an old one first: what is not listed is looked for in the
// files when the store is opened, so that a kill leaves the old or the new.
func (s *Store) putReceipt(e catalog.Entry) error {
	old, err := s.catalog.Record(catalog.Receipts, e.Key)
	if err != nil {
		return err
	}
	if old != nil {
		if err := s.catalog.Remove(catalog.Receipts, e.Key); err != nil {
			return err
		}
	}
	if err := atomicfile.Write(s.recordPath(receiptRecords(), e.Key), 0o600, e.Record); err != nil {
		err = fmt.Errorf("record receipt: %w", err)
		if old == nil {
			return err
		}
		return errors.Join(err, s.catalog.Put(catalog.Receipts, catalog.Entry{Key: e.Key, Record: old}))
	}
	return s.catalog.Put(catalog.Receipts, e)
}

// Receipt returns a receipt. It returns ErrNotFound, and ErrDamaged if its file
// or the log says something else.
func (s *Store) Receipt(ctx context.Context, id string) (snapshot.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return snapshot.Receipt{}, err
	}
	record, err := s.catalog.Record(catalog.Receipts, id)
	if err == nil && record == nil {
		err = fmt.Errorf("receipt %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return snapshot.Receipt{}, err
	}
	if err := compareRecord(s.recordPath(receiptRecords(), id), record); err != nil {
		return snapshot.Receipt{}, fmt.Errorf("receipt %s: %w", id, err)
	}
	events, err := s.catalog.All(catalog.Events)
	if err != nil {
		return snapshot.Receipt{}, err
	}
	for _, e := range events {
		if err := provesReceipt(e, id, record); err != nil {
			return snapshot.Receipt{}, fmt.Errorf("receipt %s: %w", id, err)
		}
	}
	return decode[snapshot.Receipt](record, typeReceipt)
}
