package store

import (
	"context"
	"fmt"
	"path/filepath"

	"dogear/snapshot"
)

// recordExtension ends the name of a record's file.
const recordExtension = ".json"

// AppendEvent gives the event its Seq, and its Time if it has none, and adds
// it to the log, durable.
func (s *Store) AppendEvent(ctx context.Context, e *snapshot.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.publishing.Lock()
	defer s.publishing.Unlock()
	seq, err := s.catalog.NextEvent()
	if err != nil {
		return err
	}
	e.Seq = seq
	if e.Time.IsZero() {
		e.Time = s.now().UTC()
	}
	if err := writeRecord(s.eventPath(seq), typeEvent, e); err != nil {
		return s.explain(fmt.Errorf("record event: %w", err))
	}
	return s.explain(s.catalog.PutEvent(*e))
}

// Events returns the events of a workspace, or all if it is "", the newest
// first.
func (s *Store) Events(ctx context.Context, workspace string) ([]snapshot.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.catalog.Events(workspace)
}

// PutReceipt stores a receipt, durable, in place of one with the same id.
func (s *Store) PutReceipt(ctx context.Context, r snapshot.Receipt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkName(r.ID); err != nil {
		return err
	}
	s.publishing.Lock()
	defer s.publishing.Unlock()
	if err := writeRecord(s.receiptPath(r.ID), typeReceipt, r); err != nil {
		return s.explain(fmt.Errorf("record receipt: %w", err))
	}
	return s.explain(s.catalog.PutReceipt(r))
}

// Receipt returns a receipt. It returns ErrNotFound.
func (s *Store) Receipt(ctx context.Context, id string) (snapshot.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return snapshot.Receipt{}, err
	}
	r, found, err := s.catalog.Receipt(id)
	if err == nil && !found {
		err = fmt.Errorf("receipt %s: %w", id, ErrNotFound)
	}
	return r, err
}

func (s *Store) eventPath(seq uint64) string {
	return s.path(eventsDir, fmt.Sprintf("%020d", seq)+recordExtension)
}

func (s *Store) receiptPath(id string) string { return s.path(receiptsDir, id+recordExtension) }

// checkName refuses an id that does not do as the name of a file.
func checkName(id string) error {
	if id == "" || len(id) > 64 || id[0] == '.' || filepath.Base(id) != id {
		return fmt.Errorf("%q does not do as an id", id)
	}
	return nil
}
