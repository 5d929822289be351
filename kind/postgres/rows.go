package postgres

import (
	"context"
	"fmt"
	"io"
	"slices"

	"dogear/internal/rowsum"
	"dogear/kind"
)

// copyRate is the number of bytes of a database (as it measures itself) that
// are surely read in a second.
const copyRate = 80 << 20

// patience is how many seconds the dump and the digests of one database may
// take unless the user wants them at any price.
const patience = 10

// notDigested is the value of a table that is too large to be read each time.
const notDigested = "not digested: the database is too large"

// isSmall reports whether the database can be read as a whole in a time that
// nobody minds. It does not depend on options: what is compared must be the
// same each time.
func (s *session) isSmall() bool { return s.size <= patience*copyRate }

// keepFunc stores under a name what write writes.
type keepFunc func(name string, write func(io.Writer) error) error

func discard(_ string, write func(io.Writer) error) error { return write(io.Discard) }

// contents returns a fact about the rows of each relation. What is read goes
// to keep, which may be nil.
func (s *session) contents(ctx context.Context, keep keepFunc) ([]kind.Fact, error) {
	facts := slices.Clone(s.sequences)
	if keep == nil && !s.isSmall() {
		for _, r := range s.relations {
			facts = append(facts, kind.Fact{Name: r.word + " " + r.name, Value: notDigested})
		}
		return facts, nil
	}
	if keep == nil {
		keep = discard
	}
	if _, err := s.conn.Exec(ctx, "set local statement_timeout = 0"); err != nil { // the largest table takes its time
		return nil, fmt.Errorf("set up the session: %w", err)
	}
	for _, r := range s.relations {
		value, err := s.copyRelation(ctx, r, keep)
		if err != nil {
			return nil, fmt.Errorf("read %s %s: %w", r.word, r.name, err)
		}
		if !s.isSmall() {
			value = notDigested
		}
		facts = append(facts, kind.Fact{Name: r.word + " " + r.name, Value: value})
	}
	large, err := s.copyLargeObjects(ctx, keep)
	if err != nil {
		return nil, fmt.Errorf("read large objects: %w", err)
	}
	return append(facts, large...), nil
}

func (s *session) copyRelation(ctx context.Context, r relation, keep keepFunc) (string, error) {
	if !r.populated {
		return "not populated", nil
	}
	source := r.name
	if r.word == "matview" {
		source = "(select * from " + r.name + ")"
	}
	sum := &rowsum.Sum{}
	err := keep(r.word+"/"+r.name, func(w io.Writer) error { return s.copyOut(ctx, source, io.MultiWriter(sum, w)) })
	return sum.String(), err
}

// copyOut writes rows in the text form of COPY.
func (s *session) copyOut(ctx context.Context, source string, w io.Writer) error {
	_, err := s.conn.PgConn().CopyTo(ctx, w, "copy "+source+" to stdout")
	return err
}

// Large objects: whose they are, and their bytes. The number of an object is
// what programs know it by.
const (
	largeOwners = `(select m.oid, pg_get_userbyid(m.lomowner), array_to_string(m.lomacl, ','), obj_description(m.oid, 'pg_largeobject')
from pg_largeobject_metadata m order by m.oid)`
	largePages = "(select loid, pageno, data from pg_largeobject order by loid, pageno)"
)

// copyLargeObjects returns a fact about all large objects, and none if there
// are none.
func (s *session) copyLargeObjects(ctx context.Context, keep keepFunc) ([]kind.Fact, error) {
	var count int64
	if err := s.conn.QueryRow(ctx, "select count(*) from pg_largeobject_metadata").Scan(&count); err != nil || count == 0 {
		return nil, err
	}
	fact := kind.Fact{Name: "large objects", Value: fmt.Sprintf("%d objects, not readable by this role", count)}
	if !s.superuser {
		return []kind.Fact{fact}, nil
	}
	owners, pages := &rowsum.Sum{}, &rowsum.Sum{}
	if err := keep("large-object-owners", func(w io.Writer) error {
		return s.copyOut(ctx, largeOwners, io.MultiWriter(owners, w))
	}); err != nil {
		return nil, err
	}
	if err := keep("large-object-pages", func(w io.Writer) error {
		return s.copyOut(ctx, largePages, io.MultiWriter(pages, w))
	}); err != nil {
		return nil, err
	}
	fact.Value = fmt.Sprintf("%s of owners; %s of pages", owners, pages)
	if !s.isSmall() {
		fact.Value = notDigested
	}
	return []kind.Fact{fact}, nil
}
