package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"dogear/snapshot"
	"dogear/store/catalog"
)

// recordExtension ends the name of a record's file.
const recordExtension = ".json"

// recordKind is a directory of records, and the bucket of the catalog that has
// the same.
type recordKind struct {
	kind   recordType
	dir    string
	bucket catalog.Records
	// name checks a record and returns what its file is called, without the
	// extension.
	name func(record []byte) (string, error)
}

func recordKinds() []recordKind {
	return []recordKind{snapshotRecords(), annotationRecords(), deletionRecords(), receiptRecords(), eventRecords()}
}

func recordDirs() []string {
	return []string{snapshotsDir, annotationsDir, deletionsDir, receiptsDir, eventsDir}
}

func snapshotRecords() recordKind {
	return recordKind{typeSnapshot, snapshotsDir, catalog.Snapshots,
		named(typeSnapshot, func(s snapshot.Snapshot) string { return string(s.ID) })}
}

func annotationRecords() recordKind {
	return recordKind{typeAnnotation, annotationsDir, catalog.Annotations,
		named(typeAnnotation, func(a annotation) string { return string(a.Snapshot) })}
}

func deletionRecords() recordKind {
	return recordKind{typeDeletion, deletionsDir, catalog.Deletions,
		named(typeDeletion, func(d deletion) string { return string(d.Snapshot) })}
}

func receiptRecords() recordKind {
	return recordKind{typeReceipt, receiptsDir, catalog.Receipts,
		named(typeReceipt, func(r snapshot.Receipt) string { return r.ID })}
}

func eventRecords() recordKind {
	return recordKind{typeEvent, eventsDir, catalog.Events,
		named(typeEvent, func(e snapshot.Event) string { return eventName(e.Seq) })}
}

func named[T any](t recordType, name func(T) string) func([]byte) (string, error) {
	return func(record []byte) (string, error) {
		var v T
		err := decodeRecord(record, t, &v)
		return name(v), err
	}
}

func eventName(seq uint64) string { return fmt.Sprintf("%020d", seq) }

// key returns what the catalog calls the record of that name.
func (k recordKind) key(name string) string {
	if k.kind != typeEvent {
		return name
	}
	seq, err := strconv.ParseUint(name, 10, 64)
	if err != nil {
		return name // not ours, and so not listed
	}
	return catalog.EventKey(seq)
}

// read returns the record at path, which must be the one that its name says.
func (k recordKind) read(path string) ([]byte, error) {
	record, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	name, err := k.name(record)
	if err != nil {
		return nil, err
	}
	base := filepath.Base(path)
	if own := strings.TrimSuffix(base, filepath.Ext(base)); own != name {
		return nil, fmt.Errorf("it is the %s %s: %w", k.kind, name, ErrDamaged)
	}
	return record, nil
}

// recordPath returns where the record of that name is.
func (s *Store) recordPath(k recordKind, name string) string {
	return s.path(k.dir, name+recordExtension)
}

// namesIn returns the names of the files in dir that end in extension, sorted
// and without it.
func namesIn(dir, extension string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), extension); ok && !e.IsDir() {
			names = append(names, name)
		}
	}
	return names, nil
}

// checkName refuses an id that does not do as the name of a file.
func checkName(id string) error {
	if id == "" || len(id) > 64 || id[0] == '.' || filepath.Base(id) != id {
		return fmt.Errorf("%q does not do as an id", id)
	}
	return nil
}
