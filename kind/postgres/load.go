package postgres

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"dogear/internal/content"
	"dogear/internal/rowtext"
	"dogear/kind"
)

// load fills the tables, in several streams, compares what it has loaded, and
// sets sequences and large objects.
func (s *staging) load(ctx context.Context) error {
	tables := s.bySize()
	queue := make(chan *relation, len(tables))
	for _, r := range tables {
		queue <- r
	}
	close(queue)
	s.loaded = newCheck(s.target)
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer s.loaded.noMore()
		return s.inStreams(inner, func(ctx context.Context, conn *pgx.Conn) error { return s.loadTables(ctx, conn, queue) })
	})
	g.Go(func() error { return s.inStreams(inner, s.loaded.run) })
	if err := g.Wait(); err != nil {
		return err
	}
	if err := setSequences(ctx, s.conn, s.target.Sequences); err != nil {
		return err
	}
	return wrap("load large objects", s.loadLargeObjects(ctx))
}

func (s *staging) loadTables(ctx context.Context, conn *pgx.Conn, queue <-chan *relation) error {
	for r := range queue {
		if err := s.loadTable(ctx, conn, r); err != nil {
			return fmt.Errorf("load table %s: %w", r.Name, err)
		}
	}
	return nil
}

// inStreams runs work with several connections at once, or with one if the
// server takes no more.
func (s *staging) inStreams(ctx context.Context, work func(context.Context, *pgx.Conn) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for n := range streams {
		g.Go(func() error {
			conn, err := s.connectToStaged(ctx)
			if n > 0 && hasCode(err, "53300") { // too_many_connections
				return nil
			}
			if err != nil {
				return err
			}
			defer hangUp(conn)
			return work(ctx, conn)
		})
	}
	return g.Wait()
}

// bySize lists the tables that have rows in the dump, the largest first.
func (s *staging) bySize() []*relation {
	var tables []*relation
	for i := range s.target.Relations {
		if r := &s.target.Relations[i]; r.Word == "table" && s.rowsOf(r).Size > 0 {
			tables = append(tables, r)
		}
	}
	slices.SortStableFunc(tables, func(a, b *relation) int { return cmp.Compare(s.rowsOf(b).Size, s.rowsOf(a).Size) })
	return tables
}

// rowsOf returns the object with the rows of a relation; the zero object if
// there is none.
func (s *staging) rowsOf(r *relation) kind.Object {
	object, _ := s.part.Object(r.object())
	return object
}

// loadAtOnce is how many bytes of rows are loaded in one transaction: while the
// next are loaded, these are read back.
const loadAtOnce = 32 << 20

// loadTable fills a table. The first rows come in the transaction that has just
// emptied it, so that they are written once, and frozen.
func (s *staging) loadTable(ctx context.Context, conn *pgx.Conn, r *relation) error {
	rows := newRowReader(content.Open(ctx, s.source, s.rowsOf(r)))
	next := stretch{of: r}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "truncate table only "+r.Name); err != nil {
			return err
		}
		return copyRows(ctx, conn, rows.some(loadAtOnce), r.Columns, r.Name, " with (freeze)")
	})
	for err == nil && rows.more() {
		if next, err = s.loaded.upTo(ctx, conn, next); err != nil {
			break
		}
		err = copyRows(ctx, conn, rows.some(loadAtOnce), r.Columns, r.Name, "")
	}
	if err != nil {
		return err
	}
	return s.loaded.add(ctx, next)
}

// copyIn writes the rows of a relation of the dump into a table.
func copyIn(ctx context.Context, conn *pgx.Conn, r *restoration, rel relation, into, options string) error {
	object, ok := r.part.Object(rel.object())
	if !ok {
		return fmt.Errorf("the dump has no rows of it")
	}
	return copyRows(ctx, conn, content.Open(ctx, r.source, object), rel.Columns, into, options)
}

func copyRows(ctx context.Context, conn *pgx.Conn, rows io.Reader, columns []string, into, options string) error {
	list := ""
	if len(columns) > 0 {
		list = " (" + strings.Join(columns, ", ") + ")"
	}
	_, err := conn.PgConn().CopyFrom(ctx, bufio.NewReaderSize(rows, 1<<18), "copy "+into+list+" from stdin"+options)
	return err
}

// setSequences sets all of them in one statement.
func setSequences(ctx context.Context, conn *pgx.Conn, sequences []sequence) error {
	for some := range slices.Chunk(sequences, 500) {
		calls := make([]string, len(some))
		for i, q := range some {
			calls[i] = fmt.Sprintf("setval(%s, %d, %t)", quoteLiteral(q.Name), q.Last, q.Called)
		}
		if _, err := conn.Exec(ctx, "select "+strings.Join(calls, ", "), pgx.QueryExecModeSimpleProtocol); err != nil {
			return wrap("set sequences", err)
		}
	}
	return nil
}

// loadLargeObjects creates the objects under their numbers, and writes their
// pages where they were.
func (s *staging) loadLargeObjects(ctx context.Context) error {
	owners, ok := s.part.Object(ownersObject)
	if !ok {
		return nil
	}
	err := eachRow(content.Open(ctx, s.source, owners), 4, func(row []*string) error { return s.createLarge(ctx, row) })
	if err != nil {
		return err
	}
	pages, ok := s.part.Object(pagesObject)
	if !ok {
		return fmt.Errorf("the dump has no pages of them")
	}
	return eachRow(content.Open(ctx, s.source, pages), 3, func(row []*string) error { return s.writePage(ctx, row) })
}

func (s *staging) createLarge(ctx context.Context, row []*string) error {
	id, owner, acl, comment := *row[0], *row[1], row[2], row[3]
	if _, err := strconv.ParseUint(id, 10, 32); err != nil {
		return fmt.Errorf("%q is no number of an object", id)
	}
	statements := []string{
		"select lo_create(" + id + ")", "alter large object " + id + " owner to " + quoteName(owner),
	}
	if comment != nil {
		statements = append(statements, "comment on large object "+id+" is "+quoteLiteral(*comment))
	}
	if acl != nil {
		grants, err := s.grants(ctx, id, owner, *acl)
		if err != nil {
			return err
		}
		statements = append(statements, grants...)
	}
	_, err := s.conn.Exec(ctx, strings.Join(statements, "; "), pgx.QueryExecModeSimpleProtocol)
	return err
}

// grants lets the server read a list of privileges.
func (s *staging) grants(ctx context.Context, id, owner, acl string) ([]string, error) {
	rows, err := s.conn.Query(ctx, `
select format('grant %s on large object %s to %s%s', e.privilege_type, $2::text,
       case when e.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(e.grantee)) end,
       case when e.is_grantable then ' with grant option' else '' end)
from aclexplode(string_to_array($1, ',')::aclitem[]) e`, acl, id)
	if err != nil {
		return nil, err
	}
	grants, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return append([]string{"revoke all on large object " + id + " from " + quoteName(owner)}, grants...), err
}

// largePage is how many bytes of a large object a page holds.
const largePage = 2048

func (s *staging) writePage(ctx context.Context, row []*string) error {
	page, err := strconv.ParseInt(*row[1], 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no number of a page", *row[1])
	}
	data, err := hex.DecodeString(strings.TrimPrefix(*row[2], `\x`))
	if err != nil {
		return fmt.Errorf("page %d of object %s: %w", page, *row[0], err)
	}
	_, err = s.conn.Exec(ctx, "select lo_put($1::text::oid, $2, $3)", *row[0], page*largePage, data)
	return err
}

// eachRow reads rows in the text form of COPY. Fields are nil for NULL.
func eachRow(r io.Reader, fields int, f func(row []*string) error) error {
	return rowtext.Lines(r, func(line []byte) error {
		row := rowFields(line)
		if len(row) != fields {
			return fmt.Errorf("a row has %d fields, not %d", len(row), fields)
		}
		return f(row)
	})
}

func rowFields(line []byte) []*string {
	var row []*string
	for field := range bytes.SplitSeq(line, []byte{'\t'}) {
		if string(field) == rowtext.Null {
			row = append(row, nil)
			continue
		}
		text := rowtext.Value(field)
		row = append(row, &text)
	}
	return row
}

// recovered is a database that came back with its server's files.
type recovered struct {
	conn   *pgx.Conn
	way    way
	part   kind.Part
	source kind.Source
	target *inventory
}

// putBack loads what recovery has emptied and sets what it has moved.
func (d recovered) putBack(ctx context.Context) error {
	s, err := begin(ctx, d.conn)
	if err != nil {
		return err
	}
	if err := s.copyRelations(ctx, discard, func(r relation) bool { return r.Unlogged }); err != nil {
		return err
	}
	if _, err := d.conn.Exec(ctx, "rollback"); err != nil {
		return err
	}
	live := s.inventory(nil)
	r := &restoration{part: d.part, source: d.source, target: d.target, database: databaseOf(d.part.ID)}
	for _, want := range d.target.Relations {
		have := live.relation(want.Name)
		if !want.Unlogged || have == nil || !have.Unlogged || have.Sum == want.Sum {
			continue
		}
		if _, stored := d.part.Object(want.object()); !stored {
			continue // the facts tell
		}
		if err := d.refill(ctx, r, want); err != nil {
			return fmt.Errorf("put back the rows of unlogged table %s: %w", want.Name, err)
		}
	}
	moved := slices.DeleteFunc(slices.Clone(d.target.Sequences), func(q sequence) bool {
		return slices.Contains(live.Sequences, q) || !slices.ContainsFunc(live.Sequences, func(l sequence) bool { return l.Name == q.Name })
	})
	return setSequences(ctx, d.conn, moved)
}

// refill loads a table; no trigger of it fires.
func (d recovered) refill(ctx context.Context, r *restoration, want relation) error {
	return pgx.BeginFunc(ctx, d.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local session_replication_role = replica; set local statement_timeout = 0; delete from only "+want.Name, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		return copyIn(ctx, d.conn, r, want, want.Name, "")
	})
}
