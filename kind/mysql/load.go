package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"dogear/internal/content"
	"dogear/internal/rowsum"
	"dogear/internal/rowtext"
)

// statementSize is how many bytes of rows go into one INSERT, at most.
const statementSize = 1 << 20

// stage loads the tables beside the live ones, and compares them.
func (r *restoration) stage(ctx context.Context) error {
	if err := r.exec(ctx, "CREATE DATABASE "+name(r.newDatabase())+" "+r.target.Options, "CREATE DATABASE "+name(r.oldDatabase())); err != nil {
		return wrap("create a database beside", err)
	}
	// A column may have a sequence as its default.
	for _, s := range r.target.Sequences {
		if !r.live.hasSequence(s.Name) {
			if err := r.putSequence(ctx, s); err != nil {
				return err
			}
		}
	}
	if err := r.exec(ctx, "USE "+name(r.newDatabase())); err != nil {
		return err
	}
	for _, t := range r.swapped {
		if err := r.exec(ctx, t.Create); err != nil {
			return fmt.Errorf("create table %s: %w", t.Name, err)
		}
	}
	g, loading := errgroup.WithContext(ctx)
	g.SetLimit(streams)
	for _, t := range r.swapped {
		g.Go(func() error { return wrap("load table "+t.Name, r.load(loading, t)) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return r.requireStaged(ctx)
}

// load fills a table and compares it with what was captured.
func (r *restoration) load(ctx context.Context, t *table) error {
	object, ok := r.part.Object(rowsPrefix + t.Name)
	if !ok {
		return nil // its rows live elsewhere
	}
	conn, err := r.session(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	w := &inserter{conn: conn, table: t, into: "INSERT INTO " + name(r.newDatabase()) + "." + name(t.Name) + " (" + t.columnList() + ") VALUES "}
	if err := conn.QueryRowContext(ctx, "SELECT LEAST(@@max_allowed_packet DIV 4, ?)", statementSize).Scan(&w.most); err != nil {
		return wrap("ask how long statements may be", err)
	}
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := rowtext.Lines(content.Open(ctx, r.source, object), func(line []byte) error { return w.add(ctx, line) }); err != nil {
		return err
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return err
	}
	sum := &rowsum.Sum{}
	if err := copyRows(ctx, conn, t.query(r.newDatabase()), sum); err != nil {
		return err
	}
	if want, _, _ := cutNext(t.Sum); sum.String() != want {
		return fmt.Errorf("it has %s now, and had %s", sum, want)
	}
	return nil
}

func (t *table) columnList() string {
	list := ""
	for i, c := range t.Columns {
		if i > 0 {
			list += ", "
		}
		list += name(c.Name)
	}
	return list
}

// inserter writes rows, many in one statement.
type inserter struct {
	conn      *sql.Conn
	table     *table
	into      string
	most      int // bytes of rows in a statement
	statement []byte
}

func (w *inserter) add(ctx context.Context, line []byte) (err error) {
	if len(w.statement)+len(line) > w.most {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	if len(line) > w.most {
		return w.addLarge(ctx, line)
	}
	if len(w.statement) == 0 {
		w.statement = append(w.statement, w.into...)
	} else {
		w.statement = append(w.statement, ',')
	}
	w.statement, err = appendTuple(w.statement, line, w.table.Columns)
	return err
}

// addLarge writes a row by itself.
func (w *inserter) addLarge(ctx context.Context, line []byte) error {
	statement, values, err := appendLarge([]byte(w.into), line, w.table.Columns)
	if err != nil {
		return err
	}
	prepared, err := w.conn.PrepareContext(ctx, string(statement))
	if err != nil {
		return err
	}
	_, err = prepared.ExecContext(ctx, values...)
	return errors.Join(err, prepared.Close())
}

func (w *inserter) flush(ctx context.Context) error {
	if len(w.statement) == 0 {
		return nil
	}
	_, err := w.conn.ExecContext(ctx, string(w.statement))
	w.statement = w.statement[:0]
	return err
}

func (d *definitions) hasSequence(name string) bool {
	for _, s := range d.Sequences {
		if s.Name == name {
			return true
		}
	}
	return false
}

// putSequences makes the sequences of the database those of another state.
func (r *restoration) putSequences(ctx context.Context, have, want *definitions) error {
	for _, s := range have.Sequences {
		if !want.hasSequence(s.Name) {
			if err := r.exec(ctx, "DROP SEQUENCE "+name(r.database)+"."+name(s.Name)); err != nil {
				return wrap("drop sequence "+s.Name, err)
			}
		}
	}
	for _, s := range want.Sequences {
		if slices.Contains(have.Sequences, s) {
			continue
		}
		if err := r.putSequence(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (r *restoration) putSequence(ctx context.Context, s sequence) error {
	next, err := strconv.ParseInt(s.Next, 10, 64)
	if err != nil {
		return fmt.Errorf("sequence %s stands at %q", s.Name, s.Next)
	}
	round, err := strconv.ParseInt(s.Round, 10, 64)
	if err != nil {
		return fmt.Errorf("sequence %s is in round %q", s.Name, s.Round)
	}
	err = r.insist(ctx, func() error {
		return r.exec(ctx, waitForLocks(lockTime), "USE "+name(r.database), "CREATE OR REPLACE"+strings.TrimPrefix(s.Create, "CREATE"),
			fmt.Sprintf("DO SETVAL(%s, %d, 0, %d)", name(s.Name), next, round))
	})
	return wrap("create sequence "+s.Name, err)
}
