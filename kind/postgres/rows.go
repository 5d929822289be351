package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"

	"dogear/internal/rowsum"
	"dogear/kind"
)

// copyRate is the number of bytes of a database (as it measures itself) that
// are surely read in a second.
const copyRate = 160 << 20

// patience is how many seconds the dump and the digests of one database may
// take unless the user wants them at any price.
const patience = 10

// notDigested is the value of a table that is too large to be read each time.
const notDigested = "not digested: the database is too large"

// streams is how many tables are read, or loaded, at once: a server's process
// and ours keep two cores busy.
const streams = 2

// worthSharing is the size of a database from which on it is read in several
// streams.
const worthSharing = 16 << 20

// isSmall reports whether the database can be read as a whole in a time that
// nobody minds. It does not depend on options: what is compared must be the
// same each time.
func (s *session) isSmall() bool { return s.size <= patience*copyRate }

// digests reports whether facts say what is in the tables.
func (s *session) digests() bool { return s.exact || s.isSmall() }

// keepFunc stores what write writes as a piece of an object. It is called for
// several pieces at once.
type keepFunc func(p piece, write func(io.Writer) error) error

// piece is some of an object: all its pieces, in order, are the object.
type piece struct {
	name string
	nth  int
}

func discard(_ piece, write func(io.Writer) error) error { return write(io.Discard) }

// wanted reports whether a relation's rows are read.
type wanted func(relation) bool

func everything(relation) bool { return true }

// contents returns a fact about the rows of each relation, and notes their
// sums. What is read goes to keep, which may be nil: then only the rows of
// small databases are read.
func (s *session) contents(ctx context.Context, keep keepFunc, want wanted) ([]kind.Fact, error) {
	if keep == nil && !s.digests() {
		want = func(relation) bool { return false }
	}
	if keep == nil {
		keep = discard
	}
	if err := s.copyRelations(ctx, keep, want); err != nil {
		return nil, err
	}
	var facts []kind.Fact
	for _, q := range s.sequences {
		facts = append(facts, q.fact())
	}
	for _, r := range s.relations {
		value := r.Sum
		if !s.digests() {
			value = notDigested
		}
		facts = append(facts, kind.Fact{Name: r.fact(), Value: value})
	}
	if !s.digests() && !want(relation{}) {
		return facts, nil
	}
	large, err := s.copyLargeObjects(ctx, keep)
	if err != nil {
		return nil, fmt.Errorf("read large objects: %w", err)
	}
	return append(facts, large...), nil
}

// copyRelations reads the relations of which it is not known what is in them,
// the largest first, in several streams that see the same instant, and notes
// their sums.
func (s *session) copyRelations(ctx context.Context, keep keepFunc, want wanted) error {
	var unknown []*relation
	for _, r := range s.bySize() {
		if !want(*r) {
			continue
		}
		if known, err := s.recall(ctx, r); err != nil {
			return err
		} else if !known {
			unknown = append(unknown, r)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	conns, err := s.share(ctx)
	defer func() {
		for _, c := range conns[1:] {
			hangUp(c)
		}
	}()
	if err != nil {
		return err
	}
	if err := s.measure(ctx, len(conns) > 1); err != nil {
		return err
	}
	var all []stretch
	for _, r := range unknown {
		all = append(all, r.stretches()...)
	}
	if err := beforeRows(ctx, conns); err != nil {
		return err
	}
	sums, err := copyStretches(ctx, conns, all, keep)
	sums.note()
	var locked *errLocked
	if errors.As(err, &locked) && s.more != nil {
		return fmt.Errorf("read %s: %w", locked.relation, nameHolders(ctx, locked, s.more))
	}
	if err != nil {
		return err
	}
	_, err = s.conn.Exec(ctx, "release before_rows") // within it nothing can be exported
	return wrap("end the reading", err)
}

func (s *session) bySize() []*relation {
	var all []*relation
	for i := range s.relations {
		all = append(all, &s.relations[i])
	}
	slices.SortStableFunc(all, func(a, b *relation) int { return cmp.Compare(b.size, a.size) })
	return all
}

// share returns the session's connection, and where it is worth the while
// others that see the same.
func (s *session) share(ctx context.Context) ([]*pgx.Conn, error) {
	conns := []*pgx.Conn{s.conn}
	if _, err := s.conn.Exec(ctx, "set local statement_timeout = 0"); err != nil { // the largest table takes its time
		return conns, fmt.Errorf("set up the session: %w", err)
	}
	if s.more == nil || s.size < worthSharing {
		return conns, nil
	}
	snapshot, err := s.export(ctx)
	if err != nil {
		return conns, err
	}
	for len(conns) < streams {
		conn, err := s.more(ctx)
		if err != nil {
			return conns, nil // it may have as many clients as it takes
		}
		conns = append(conns, conn)
		_, err = conn.Exec(ctx, "begin isolation level repeatable read read only; set transaction snapshot "+quoteLiteral(snapshot)+
			"; set local statement_timeout = 0", pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return conns, wrap("share the transaction's snapshot", err)
		}
	}
	return conns, nil
}

// export lets other connections see what the transaction sees. The server keeps
// a file for that until the transaction ends: never before the data directory
// was captured, or a restore would find that it differs from a server at rest.
func (s *session) export(ctx context.Context) (snapshot string, err error) {
	err = s.conn.QueryRow(ctx, "select pg_export_snapshot()").Scan(&snapshot)
	return snapshot, wrap("share the transaction's snapshot", err)
}

// copyOut writes rows in the text form of COPY.
func copyOut(ctx context.Context, conn *pgx.Conn, source string, w io.Writer) error {
	_, err := conn.PgConn().CopyTo(ctx, w, "copy "+source+" to stdout")
	return err
}

// Large objects: whose they are, and their bytes. The number of an object is
// what programs know it by.
const (
	largeOwners = `(select m.oid, pg_get_userbyid(m.lomowner), array_to_string(m.lomacl, ','), obj_description(m.oid, 'pg_largeobject')
from pg_largeobject_metadata m order by m.oid)`
	largePages = "(select loid, pageno, data from pg_largeobject order by loid, pageno)"

	largeObjects = "large objects" // the fact
	ownersObject = "large-object-owners"
	pagesObject  = "large-object-pages"
)

// copyLargeObjects returns a fact about all large objects, and none if there
// are none.
func (s *session) copyLargeObjects(ctx context.Context, keep keepFunc) ([]kind.Fact, error) {
	var count int64
	if err := s.conn.QueryRow(ctx, "select count(*) from pg_largeobject_metadata").Scan(&count); err != nil || count == 0 {
		return nil, err
	}
	fact := kind.Fact{Name: largeObjects, Value: fmt.Sprintf("%d objects, not readable by this role", count)}
	if !s.superuser {
		return []kind.Fact{fact}, nil
	}
	owners, pages := &rowsum.Sum{}, &rowsum.Sum{}
	if err := keep(piece{name: ownersObject}, func(w io.Writer) error {
		return copyOut(ctx, s.conn, largeOwners, io.MultiWriter(owners, w))
	}); err != nil {
		return nil, err
	}
	if err := keep(piece{name: pagesObject}, func(w io.Writer) error {
		return copyOut(ctx, s.conn, largePages, io.MultiWriter(pages, w))
	}); err != nil {
		return nil, err
	}
	fact.Value = fmt.Sprintf("%s of owners; %s of pages", owners, pages)
	s.large = fact.Value
	if !s.digests() {
		fact.Value = notDigested
	}
	return []kind.Fact{fact}, nil
}
