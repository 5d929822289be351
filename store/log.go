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

// AppendEvent gives the event its Seq, and its Time if it has none, and adds
// it to the log, durable.
func (s *Store) AppendEvent(ctx context.Context, e *snapshot.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.publishing.Lock()
	defer s.publishing.Unlock()
	seq, err := s.nextEvent()
	if err != nil {
		return err
	}
	e.Seq = seq
	if e.Time.IsZero() {
		e.Time = s.now().UTC()
	}
	record, err := encodeRecord(typeEvent, e)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(s.recordPath(eventRecords(), eventName(seq)), 0o600, record); err != nil {
		return s.explain(fmt.Errorf("record event: %w", err))
	}
	return s.explain(s.catalog.Put(catalog.Events, catalog.Entry{Key: catalog.EventKey(seq), Record: record}))
}

// nextEvent passes over the numbers of records that are damaged, and so are
// not listed.
func (s *Store) nextEvent() (uint64, error) {
	seq, err := s.catalog.NextEvent()
	for ; err == nil; seq++ {
		var taken bool
		if taken, err = exists(s.recordPath(eventRecords(), eventName(seq))); err == nil && !taken {
			break
		}
	}
	return seq, err
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

// Receipt returns a receipt. It returns ErrNotFound.
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
	return decode[snapshot.Receipt](record, typeReceipt)
}
