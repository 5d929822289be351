package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"dogear/internal/atomicfile"
	"dogear/store/catalog"
)

// RepairReport is what Repair found and did.
type RepairReport struct {
	Packs     int `json:"packs"` // listed now, as all that follows
	Chunks    int `json:"chunks"`
	Snapshots int `json:"snapshots"`
	Receipts  int `json:"receipts"`
	Events    int `json:"events"`
	// Damaged is what could not be listed. It was left where it is.
	Damaged []Problem `json:"damaged"` // sorted; never nil
	// Rewritten are files that were lost or damaged, and that are whole again.
	Rewritten []string `json:"rewritten,omitempty"`
	// SetAside is where the old catalog is now, if there was one.
	SetAside string `json:"set_aside,omitempty"`
}

// Repair rebuilds the catalog of the store in dir from its packs and records,
// whatever the old catalog is like. Records that are lost or damaged are first
// written anew from the old catalog, if that is whole. Nothing is deleted: the
// old catalog is set aside, and what is damaged stays. Like Open it returns a
// *LockedError if another process has the store open.
func Repair(ctx context.Context, dir string, opts Options) (RepairReport, error) {
	s, err := newStore(dir, opts)
	if err != nil {
		return RepairReport{}, fmt.Errorf("repair store: %w", err)
	}
	r := &repair{Store: s, report: RepairReport{Damaged: []Problem{}}}
	err = errors.Join(notWritable(r.run(ctx)), s.release())
	sortProblems(r.report.Damaged)
	if err != nil {
		err = fmt.Errorf("repair store %s: %w", s.dir, err)
	}
	return r.report, err
}

type repair struct {
	*Store
	report RepairReport
}

func (r *repair) run(ctx context.Context) error {
	if err := r.take(); err != nil {
		return err
	}
	if err := r.fixFormat(); err != nil {
		return err
	}
	if err := r.prepare(); err != nil {
		return err
	}
	if err := r.fixRecords(); err != nil {
		return err
	}
	if err := r.setAside(); err != nil {
		return err
	}
	problems, err := r.load(ctx)
	if err != nil {
		return err
	}
	r.report.Damaged = append(r.report.Damaged, problems...)
	return r.count()
}

// fixFormat writes format.json anew if it is lost or damaged: but for
// the digest of the key it is the same in all stores of this format.
func (r *repair) fixFormat() error {
	secret, err := os.ReadFile(r.path(keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s, without which it is no store: %w", keyFile, ErrNotStore)
	}
	if err != nil || len(secret) != secretSize {
		return err // prepare sees the same
	}
	_, err = r.readFormat()
	if !errors.Is(err, ErrDamaged) && !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	r.report.Rewritten = append(r.report.Rewritten, formatFile)
	return writeRecord(r.path(formatFile), typeStore, currentFormat(secret))
}

// fixRecords writes records that are lost or damaged anew from the old catalog
// and, of deletions, from the other copy. Deletions come first: the record of
// a deleted snapshot is not lost.
func (r *repair) fixRecords() error {
	old := r.oldRecords()
	deleted := old[typeDeletion]
	if err := r.fixDeletions(deleted); err != nil {
		return err
	}
	for _, kind := range recordKinds() {
		for name, record := range old[kind.kind] {
			if kind.kind == typeDeletion || aboutSnapshot(kind) && deleted[name] != nil {
				continue
			}
			if err := r.fix(kind, r.recordPath(kind, name), record); err != nil {
				return err
			}
		}
	}
	slices.Sort(r.report.Rewritten)
	return nil
}

func aboutSnapshot(kind recordKind) bool {
	return kind.kind == typeSnapshot || kind.kind == typeAnnotation
}

// oldRecords returns the records of the old catalog that are whole, by type
// and name. There are none if the catalog is not whole.
func (r *repair) oldRecords() map[recordType]map[string][]byte {
	records := make(map[recordType]map[string][]byte)
	for _, kind := range recordKinds() {
		records[kind.kind] = make(map[string][]byte)
	}
	if info, err := os.Stat(r.path(catalogFile)); err != nil || info.Size() == 0 {
		return records
	}
	old, err := catalog.Open(r.path(catalogFile))
	if err != nil {
		return records
	}
	for _, kind := range recordKinds() {
		entries, err := old.All(kind.bucket)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if name, err := kind.name(e.Record); err == nil && kind.key(name) == e.Key {
				records[kind.kind][name] = e.Record
			}
		}
	}
	if err := old.Close(); err != nil {
		r.problem(catalogFile, err)
	}
	return records
}

func (r *repair) problem(where string, err error) {
	r.report.Damaged = append(r.report.Damaged, Problem{Where: where, What: err.Error()})
}

// fixDeletions adds to deleted what the files have, and makes both copies of
// each whole.
func (r *repair) fixDeletions(deleted map[string][]byte) error {
	a := &adoption{Store: r.Store}
	ids, err := a.deletedIDs()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if record := a.wholeDeletion(id); record != nil {
			deleted[id] = record
		}
	}
	for id, record := range deleted {
		for _, path := range r.deletionPaths(id) {
			if err := r.fix(deletionRecords(), path, record); err != nil {
				return err
			}
		}
	}
	return nil
}

// fix writes a record anew unless it is whole.
func (r *repair) fix(kind recordKind, path string, record []byte) error {
	_, err := kind.read(path)
	lost := slices.ContainsFunc([]error{ErrDamaged, ErrNewer, ErrOlder, fs.ErrNotExist}, func(e error) bool { return errors.Is(err, e) })
	if !lost {
		return nil // whole, or not to be read: adopt reports it
	}
	r.report.Rewritten = append(r.report.Rewritten, r.title(path))
	return atomicfile.Write(path, 0o600, record)
}

// setAside moves the old catalog away.
func (r *repair) setAside() error {
	path := r.path(catalogFile)
	if there, err := exists(path); err != nil || !there {
		return err
	}
	aside := path + asideInfix + r.now().UTC().Format("20060102T150405Z")
	for n := 2; ; n++ {
		there, err := exists(aside)
		if err != nil {
			return err
		}
		if !there {
			break
		}
		aside = fmt.Sprintf("%s-%d", strings.TrimSuffix(aside, fmt.Sprintf("-%d", n-1)), n)
	}
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("set the catalog aside: %w", err)
	}
	r.report.SetAside = aside
	return atomicfile.SyncDir(r.dir)
}

func (r *repair) count() error {
	packs, err := r.catalog.Packs()
	if err != nil {
		return err
	}
	r.report.Packs = len(packs)
	for _, p := range packs {
		r.report.Chunks += int(p.Chunks)
	}
	for kind, n := range map[catalog.Records]*int{
		catalog.Snapshots: &r.report.Snapshots, catalog.Receipts: &r.report.Receipts, catalog.Events: &r.report.Events,
	} {
		all, err := r.catalog.All(kind)
		if err != nil {
			return err
		}
		*n = len(all)
	}
	return nil
}
