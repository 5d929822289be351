package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dogear/internal/atomicfile"
	"dogear/snapshot"
	"dogear/store/catalog"
)

// annotation is the body of the record of what was said about a snapshot after
// it was taken.
type annotation struct {
	Snapshot snapshot.ID `json:"snapshot"`
	Time     time.Time   `json:"time"`
	snapshot.Annotation
}

// Annotate changes what is listed as a snapshot's note, and whether it is
// pinned. The snapshot's own record stays as it was committed. It returns
// ErrNotFound.
func (s *Store) Annotate(ctx context.Context, id snapshot.ID, a snapshot.Annotation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.publishing.Lock()
	defer s.publishing.Unlock()
	if err := s.annotate(id, a); err != nil {
		return s.explain(fmt.Errorf("annotate snapshot %s: %w", id, err))
	}
	return nil
}

func (s *Store) annotate(id snapshot.ID, a snapshot.Annotation) error {
	old, err := s.catalog.Snapshot(string(id))
	if err != nil {
		return err
	}
	if old.Record == nil {
		return ErrNotFound
	}
	before, err := readAnnotation(old)
	if err != nil {
		return err
	}
	record, err := encodeRecord(typeAnnotation, annotation{Snapshot: id, Time: s.now().UTC(), Annotation: before.With(a)})
	if err != nil {
		return err
	}
	path := s.recordPath(annotationRecords(), string(id))
	if err := atomicfile.Write(path, 0o600, record); err != nil {
		return err
	}
	s.step("annotated")
	if err := s.catalog.Put(catalog.Annotations, catalog.Entry{Key: string(id), Record: record}); err != nil {
		return errors.Join(err, putBack(path, old.Annotation))
	}
	return nil
}

func putBack(path string, record []byte) error {
	if record == nil {
		return removeIfThere(path)
	}
	return atomicfile.Write(path, 0o600, record)
}

// readAnnotation returns what was said about a listed snapshot.
func readAnnotation(s catalog.Annotated) (snapshot.Annotation, error) {
	if s.Annotation == nil {
		return snapshot.Annotation{}, nil
	}
	a, err := decode[annotation](s.Annotation, typeAnnotation)
	return a.Annotation, err
}
