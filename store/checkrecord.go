package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"dogear/store/catalog"
)

// recordCheck is the check of one kind of records.
type recordCheck struct {
	recordKind
	files  []string
	listed []catalog.Entry
}

// newRecordCheck notes what records there are, and what is listed of them.
func (s *Store) newRecordCheck(kind recordKind) (*recordCheck, error) {
	files, err := namesIn(s.path(kind.dir), recordExtension)
	if err != nil {
		return nil, err
	}
	listed, err := s.catalog.All(kind.bucket)
	return &recordCheck{recordKind: kind, files: files, listed: listed}, err
}

func (c *check) checkRecords(ctx context.Context, r *recordCheck) error {
	listed := make(map[string]bool, len(r.listed))
	for _, e := range r.listed {
		if err := ctx.Err(); err != nil {
			return err
		}
		listed[e.Key] = true
		if err := c.checkRecord(ctx, r.recordKind, e); err != nil {
			return err
		}
	}
	for _, name := range r.files {
		if !listed[r.key(name)] {
			c.problem(c.store.title(c.store.recordPath(r.recordKind, name)), errors.New("it is not in the catalog"))
		}
	}
	return nil
}

// checkRecord compares a record with its file. A problem counts only if the
// catalog still says what it said: the record may be changed or deleted while
// it is looked at.
func (c *check) checkRecord(ctx context.Context, kind recordKind, e catalog.Entry) error {
	where, problem := c.findProblem(ctx, kind, e)
	if problem == nil {
		return nil
	}
	now, err := c.store.catalog.Record(kind.bucket, e.Key)
	if err == nil && bytes.Equal(now, e.Record) {
		c.problem(where, problem)
	}
	return err
}

func (c *check) findProblem(ctx context.Context, kind recordKind, e catalog.Entry) (where string, err error) {
	name, err := kind.name(e.Record)
	if err == nil && kind.key(name) != e.Key {
		err = fmt.Errorf("%s %s is listed as %q: %w", kind.kind, name, e.Key, ErrDamaged)
	}
	if err != nil {
		return catalogFile, err
	}
	path := c.store.recordPath(kind, name)
	if err := compareRecord(path, e.Record); err != nil {
		return c.store.title(path), err
	}
	if kind.kind != typeSnapshot {
		return "", nil
	}
	return "snapshot " + name, c.checkSnapshot(ctx, e.Record)
}

// compareRecord compares a file with what the catalog has of it.
func compareRecord(path string, listed []byte) error {
	recorded, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errMissing
	}
	if err == nil && !bytes.Equal(recorded, listed) {
		err = fmt.Errorf("the catalog says something else than the file: %w", ErrDamaged)
	}
	return err
}

// checkCopies compares the second copies of deletions with the first, and
// looks for snapshots that are listed although they were deleted.
func (c *check) checkCopies() error {
	deleted, err := c.store.catalog.All(catalog.Deletions)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(deleted))
	for _, e := range deleted {
		known[e.Key] = true
		path := c.store.path(snapshotsDir, e.Key+deletedExtension)
		if err := compareRecord(path, e.Record); err != nil {
			c.problem(c.store.title(path), err)
		}
		listed, err := c.store.catalog.Has(catalog.Snapshots, e.Key)
		if err != nil {
			return err
		}
		if listed {
			c.problem(catalogFile, fmt.Errorf("snapshot %s is deleted and listed: %w", e.Key, ErrDamaged))
		}
	}
	for _, name := range c.copies {
		if !known[name] {
			c.problem(c.store.title(c.store.path(snapshotsDir, name+deletedExtension)), errors.New("it is not in the catalog"))
		}
	}
	return nil
}
