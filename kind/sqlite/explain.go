package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"dogear/internal/dbdiff"
	"dogear/internal/rowtext"
	"dogear/kind"
)

var _ kind.Explainer = (*Driver)(nil)

// Explain shows changed definitions as statements, and how many rows of each
// table differ, or which: by their key, or by their row id.
func (d *Driver) Explain(ctx context.Context, ws *kind.Workspace, a, b kind.State, how kind.Explaining) iter.Seq2[kind.Explanation, error] {
	return dbdiff.Explanations(func() ([]kind.Explanation, error) { return d.explain(ctx, ws, a, b, how) })
}

func (d *Driver) explain(ctx context.Context, ws *kind.Workspace, a, b kind.State, how kind.Explaining) (all []kind.Explanation, err error) {
	before, err := d.side(ctx, ws, a)
	if err != nil || before == nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, before.close()) }()
	after, err := d.side(ctx, ws, b)
	if err != nil || after == nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, after.close()) }()
	if e := dbdiff.Statements(before.facts.definitions(), after.facts.definitions(), how); e != nil {
		all = append(all, *e)
	}
	sums := make(map[string]string)
	for _, f := range after.facts {
		sums[f.Name] = f.Value
	}
	for _, f := range before.facts {
		if sum, both := sums[f.Name]; f.Name != "table "+f.Table || !both || sum == f.Value {
			continue
		}
		e, err := compareRows(ctx, before, after, f.Table, how)
		if err != nil {
			return nil, fmt.Errorf("compare the rows of %s: %w", kind.Printable(f.Table), err)
		}
		all = append(all, e)
	}
	return all, nil
}

// definitions are the statements that define the database.
func (all statements) definitions() []dbdiff.Statement {
	var found []dbdiff.Statement
	for _, s := range all {
		if name, ok := strings.CutPrefix(s.Name, "schema "); ok && !strings.HasPrefix(s.Value, automatic) {
			found = append(found, dbdiff.Statement{Name: name, Text: s.Value, Redacted: s.Value})
		}
	}
	return found
}

// side is one of two states that are compared.
type side struct {
	facts statements
	copy  *copied // nil if the rows were not kept
	db    *sql.DB
}

// side gets hold of a state; nil if it was not looked into.
func (d *Driver) side(ctx context.Context, ws *kind.Workspace, state kind.State) (*side, error) {
	s := &side{}
	err := s.get(ctx, d, ws, state)
	if err == nil && s.copy != nil {
		s.db, err = s.copy.open()
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.facts == nil {
		return nil, s.close()
	}
	return s, nil
}

func (s *side) get(ctx context.Context, d *Driver, ws *kind.Workspace, state kind.State) (err error) {
	if state.Live() {
		h, err := d.homeOf(ctx, ws, state.Part.Item())
		if err != nil {
			return err
		}
		r := newReading(ws, state.Part.Item(), h)
		r.accept = func(*kind.Object) bool { return false } // a copy is wanted
		if err := r.fix(ctx); err != nil || r.large {
			return err
		}
		s.copy = r.copy
		s.facts, err = r.facts(ctx)
		if r.unreadable != nil {
			s.facts = nil
		}
		return err
	}
	m, err := readMeta(ctx, state.Part, state.Source)
	if errors.Is(err, errOlder) || err == nil && m.Large {
		return nil
	}
	if err != nil {
		return err
	}
	s.facts = m.Facts
	if _, ok := state.Part.Object(databaseObject); ok {
		s.copy, err = fetch(ctx, state.Part, state.Source, m)
	}
	return err
}

func (s *side) close() error {
	var errs []error
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.copy != nil {
		errs = append(errs, s.copy.remove())
	}
	return errors.Join(errs...)
}

func compareRows(ctx context.Context, before, after *side, table string, how kind.Explaining) (kind.Explanation, error) {
	fact := "table " + table
	if before.db == nil || after.db == nil {
		return kind.Explanation{Fact: kind.Printable(fact), Summary: "the rows of one side were not kept"}, nil
	}
	was, key, err := before.rows(ctx, table)
	if err != nil {
		return kind.Explanation{}, err
	}
	is, other, err := after.rows(ctx, table)
	if err != nil {
		return kind.Explanation{}, err
	}
	t := dbdiff.Table{Fact: fact, Key: key}
	if len(key) == 0 && len(other) == 0 {
		t.Handle = handle
	}
	return dbdiff.Rows(ctx, t, was.state(table, t), is.state(table, t), how)
}

// handle is what rows without a key are known by.
const handle = "rowid"

// tableRows are the rows of a table.
type tableRows struct {
	db      *sql.DB
	columns []string
	rowid   string // how the row id is called in the table
	count   int64
}

func (s *side) rows(ctx context.Context, table string) (tableRows, []string, error) {
	names, err := columns(ctx, s.db, "main", table)
	if err != nil {
		return tableRows{}, nil, err
	}
	key, err := primaryKey(ctx, s.db, table)
	r := tableRows{db: s.db, columns: names, count: s.count(table)}
	for _, name := range []string{handle, "_rowid_", "oid"} {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			r.rowid = name
			break
		}
	}
	return r, key, err
}

// count is how many rows a table has.
func (s *side) count(table string) int64 {
	for _, f := range s.facts {
		if f.Name == "table "+table {
			word, _, _ := strings.Cut(f.Value, " ")
			n, _ := strconv.ParseInt(word, 10, 64) // it is a number
			return n
		}
	}
	return 0
}

// primaryKey lists the columns of the key, none if there is none.
func primaryKey(ctx context.Context, db querier, table string) (names []string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT name FROM pragma_table_info(?, 'main') WHERE pk > 0 ORDER BY pk", table)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

func (r tableRows) state(table string, t dbdiff.Table) dbdiff.State {
	var list []string
	if t.Handle != "" {
		list = append(list, cmp.Or(r.rowid, "NULL"))
	}
	for _, c := range r.columns {
		list = append(list, "+"+quote(c)) // see sumTable
	}
	query := "SELECT " + strings.Join(list, ", ") + " FROM " + quote(table)
	return dbdiff.State{Columns: r.columns, Rows: r.count, Lines: func(ctx context.Context) io.ReadCloser {
		return dbdiff.Written(func(w io.Writer) error { return copyRows(ctx, r.db, query, len(list), w) })
	}}
}

// copyRows writes rows as lines of literals.
func copyRows(ctx context.Context, db *sql.DB, query string, columns int, w io.Writer) (err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := newRowReader(columns)
	var line []byte
	for rows.Next() {
		if err := rows.Scan(r.targets...); err != nil {
			return err
		}
		line = line[:0]
		for _, v := range r.values {
			line = append(rowtext.Append(line, literal(v)), '\t')
		}
		line[len(line)-1] = '\n'
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return rows.Err()
}

// literal writes a value as SQL does, so that 1, 1.0 and '1' differ; nil is
// NULL.
func literal(value any) []byte {
	switch v := value.(type) {
	case nil:
		return nil
	case int64:
		return strconv.AppendInt(nil, v, 10)
	case float64:
		if math.IsInf(v, 0) {
			return fmt.Appendf(nil, "%c9e999", "+-"[int(math.Float64bits(v)>>63)])
		}
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return []byte(text)
	case []byte:
		return []byte("x'" + hex.EncodeToString(v) + "'")
	}
	return fmt.Appendf(nil, "'%s'", strings.ReplaceAll(fmt.Sprint(value), "'", "''"))
}
