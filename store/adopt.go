package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"dogear/internal/atomicfile"
	"dogear/snapshot"
	"dogear/store/catalog"
	"dogear/store/chunk"
)

// adoption brings the catalog up to date with the store's files: it lists what
// a process had made durable when it was killed, or everything if the catalog
// was lost, and finishes deletions. What is damaged is left where it is.
type adoption struct {
	*Store
	problems []Problem
}

// adopt returns what it could not list, and why.
func (s *Store) adopt(ctx context.Context) ([]Problem, error) {
	a := &adoption{Store: s}
	steps := []func(context.Context) error{
		a.deletions, a.packs, a.snapshots, a.annotations,
		func(context.Context) error { return a.records(receiptRecords(), a.put(receiptRecords())) },
		func(context.Context) error { return a.records(eventRecords(), a.put(eventRecords())) },
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("bring the catalog up to date: %w", err)
		}
	}
	return a.problems, nil
}

func (a *adoption) problem(where string, err error) {
	a.problems = append(a.problems, Problem{Where: where, What: err.Error()})
}

// deletions finishes what Delete began, and repeats it for snapshots that are
// back because a file was put back from an older copy of the store.
func (a *adoption) deletions(context.Context) error {
	ids, err := a.deletedIDs()
	if err != nil {
		return err
	}
	for _, id := range ids {
		done, err := a.isDeleted(id)
		if err != nil {
			return err
		}
		if done {
			continue
		}
		if err := a.deleteAgain(id); err != nil {
			return err
		}
	}
	return nil
}

// deletedIDs returns the snapshots that either copy of a deletion is there for.
func (a *adoption) deletedIDs() ([]string, error) {
	ids, err := namesIn(a.path(deletionsDir), recordExtension)
	if err != nil {
		return nil, err
	}
	others, err := namesIn(a.path(snapshotsDir), deletedExtension)
	if err != nil {
		return nil, err
	}
	ids = append(ids, others...)
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// isDeleted reports, by names alone, whether a deletion is wholly carried out.
func (a *adoption) isDeleted(id string) (bool, error) {
	listed, err := a.catalog.Has(catalog.Deletions, id)
	if err != nil || !listed {
		return false, err
	}
	left := []string{a.snapshotPath(snapshot.ID(id)), a.recordPath(annotationRecords(), id)}
	for _, path := range left {
		if there, err := exists(path); err != nil || there {
			return false, err
		}
	}
	for _, path := range a.deletionPaths(id) {
		if there, err := exists(path); err != nil || !there {
			return false, err
		}
	}
	return true, nil
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// deleteAgain carries a deletion out, if one of its copies is whole.
func (a *adoption) deleteAgain(id string) error {
	record := a.wholeDeletion(id)
	if record == nil {
		return nil
	}
	for _, path := range a.deletionPaths(id) {
		if err := writeMissing(path, record); err != nil {
			return err
		}
	}
	e := catalog.Entry{Key: id, Record: record}
	if err := a.catalog.Forget(e); err != nil {
		return err
	}
	return a.finishDeletion(e)
}

// wholeDeletion returns the record of a deletion, or nil if neither copy is
// whole.
func (a *adoption) wholeDeletion(id string) (record []byte) {
	for _, path := range a.deletionPaths(id) {
		b, err := deletionRecords().read(path)
		switch {
		case err == nil && record == nil:
			record = b
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			a.problem(a.title(path), err)
		}
	}
	return record
}

func writeMissing(path string, record []byte) error {
	if there, err := exists(path); err != nil || there {
		return err
	}
	return atomicfile.Write(path, 0o600, record)
}

func (a *adoption) packs(ctx context.Context) error {
	listed, err := a.catalog.Packs()
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(listed))
	for _, p := range listed {
		known[p.Name] = true
	}
	names, err := namesIn(a.path(packsDir), chunk.Extension)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if known[name] {
			continue
		}
		if err := a.pack(name); err != nil {
			return err
		}
	}
	return nil
}

func (a *adoption) pack(name string) error {
	index, size, err := chunk.OpenIndex(a.packPath(name))
	if err != nil {
		a.problem(a.title(a.packPath(name)), err)
		return nil
	}
	return a.catalog.Publish([]chunk.Pack{{Name: name, Size: size, Index: index}})
}

// snapshots lists the snapshots whose content is there. The others stay as
// they are: it may come back.
func (a *adoption) snapshots(ctx context.Context) error {
	return a.records(snapshotRecords(), func(e catalog.Entry) error {
		if deleted, err := a.catalog.Has(catalog.Deletions, e.Key); err != nil || deleted {
			return err
		}
		snap, err := decode[snapshot.Snapshot](e.Record, typeSnapshot)
		if err != nil {
			return err
		}
		if err := complete(ctx, a.Store, snap); err != nil {
			a.problem("snapshot "+e.Key, fmt.Errorf("its content is not whole: %w", err))
			return ctx.Err()
		}
		return a.catalog.Publish(nil, listing(snap, e.Record))
	})
}

// annotations are few and may change, so all are read.
func (a *adoption) annotations(context.Context) error {
	kind := annotationRecords()
	list := func(e catalog.Entry) error {
		listed, err := a.catalog.Record(kind.bucket, e.Key)
		if err != nil || bytes.Equal(listed, e.Record) {
			return err
		}
		return a.catalog.Put(kind.bucket, e)
	}
	return a.eachRecord(kind, list, func(string) (bool, error) { return false, nil })
}

func (a *adoption) put(kind recordKind) func(catalog.Entry) error {
	return func(e catalog.Entry) error { return a.catalog.Put(kind.bucket, e) }
}

// records gives list every record that is whole and not listed.
func (a *adoption) records(kind recordKind, list func(catalog.Entry) error) error {
	return a.eachRecord(kind, list, func(key string) (bool, error) { return a.catalog.Has(kind.bucket, key) })
}

func (a *adoption) eachRecord(kind recordKind, use func(catalog.Entry) error, skip func(key string) (bool, error)) error {
	names, err := namesIn(a.path(kind.dir), recordExtension)
	if err != nil {
		return err
	}
	for _, name := range names {
		key := kind.key(name)
		if skipped, err := skip(key); err != nil {
			return err
		} else if skipped {
			continue
		}
		record, err := kind.read(a.recordPath(kind, name))
		if err != nil {
			a.problem(a.title(a.recordPath(kind, name)), err)
			continue
		}
		if err := use(catalog.Entry{Key: key, Record: record}); err != nil {
			return err
		}
	}
	return nil
}

// title returns what a file of the store is called in a report.
func (s *Store) title(path string) string { return path[len(s.dir)+1:] }
