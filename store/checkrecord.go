package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"dogear/snapshot"
)

// recordCheck is the check of one directory of records.
type recordCheck interface {
	run(ctx context.Context, c *check) error
}

// recordsOf compares the records in dir with what the catalog lists.
type recordsOf[T any] struct {
	dir    string
	kind   recordType
	files  []string
	listed map[string]T // by the name of the file
	more   func(ctx context.Context, c *check, v T) error
}

// recordChecks notes what records there are, and what is listed of them.
func (s *Store) recordChecks() ([]recordCheck, error) {
	snapshots, err := s.catalog.Snapshots("")
	if err != nil {
		return nil, err
	}
	receipts, err := s.catalog.Receipts()
	if err != nil {
		return nil, err
	}
	events, err := s.catalog.Events("")
	if err != nil {
		return nil, err
	}
	a, errA := newRecordsOf(s.path(snapshotsDir), typeSnapshot, snapshots, func(v snapshot.Snapshot) string { return s.snapshotPath(v.ID) })
	a.more = func(ctx context.Context, c *check, v snapshot.Snapshot) error { return c.checkSnapshot(ctx, v) }
	b, errB := newRecordsOf(s.path(receiptsDir), typeReceipt, receipts, func(v snapshot.Receipt) string { return s.receiptPath(v.ID) })
	e, errE := newRecordsOf(s.path(eventsDir), typeEvent, events, func(v snapshot.Event) string { return s.eventPath(v.Seq) })
	return []recordCheck{a, b, e}, errors.Join(errA, errB, errE)
}

func newRecordsOf[T any](dir string, t recordType, listed []T, path func(T) string) (*recordsOf[T], error) {
	r := &recordsOf[T]{dir: dir, kind: t, listed: make(map[string]T, len(listed))}
	for _, v := range listed {
		r.listed[strings.TrimSuffix(filepath.Base(path(v)), recordExtension)] = v
	}
	var err error
	r.files, err = namesIn(dir, recordExtension)
	return r, err
}

func (r *recordsOf[T]) run(ctx context.Context, c *check) error {
	there := make(map[string]bool, len(r.files))
	for _, name := range r.files {
		there[name] = true
		if _, ok := r.listed[name]; !ok {
			c.problem(r.title(name), errors.New("it is not in the catalog"))
		}
	}
	for name, v := range r.listed {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !there[name] {
			c.problem(r.title(name), errors.New("its file is missing"))
			continue
		}
		if err := r.compare(name, v); err != nil {
			c.problem(r.title(name), err)
		}
		if r.more == nil {
			continue
		}
		if err := r.more(ctx, c, v); err != nil {
			c.problem(r.title(name), err)
		}
	}
	return nil
}

func (r *recordsOf[T]) compare(name string, listed T) error {
	var recorded T
	if err := readRecord(filepath.Join(r.dir, name+recordExtension), r.kind, &recorded); err != nil {
		return err
	}
	return sameJSON(recorded, listed)
}

func (r *recordsOf[T]) title(name string) string { return string(r.kind) + " " + name }

// sameJSON compares a record with what the catalog has of it.
func sameJSON(recorded, listed any) error {
	a, err := marshal(recorded)
	if err != nil {
		return err
	}
	b, err := marshal(listed)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return fmt.Errorf("the catalog says something else than the file: %w", ErrDamaged)
	}
	return nil
}
