package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"dogear/internal/content"
	"dogear/internal/dbdiff"
	"dogear/kind"
)

var _ kind.Explainer = (*Driver)(nil)

// Explain shows changed definitions as statements, and how many rows of each
// table differ, or which.
func (d *Driver) Explain(ctx context.Context, ws *kind.Workspace, a, b kind.State, how kind.Explaining) iter.Seq2[kind.Explanation, error] {
	return dbdiff.Explanations(func() ([]kind.Explanation, error) { return d.explain(ctx, ws, a, b, how) })
}

func (d *Driver) explain(ctx context.Context, ws *kind.Workspace, a, b kind.State, how kind.Explaining) ([]kind.Explanation, error) {
	before, err := d.side(ctx, ws, a, true)
	if err != nil || before == nil {
		return nil, err
	}
	defer before.close()
	// Without rows to compare them with, nothing is read that takes its time.
	compared := slices.ContainsFunc(before.inventory.Relations, func(r relation) bool { return r.hasRows(before) })
	after, err := d.side(ctx, ws, b, compared)
	if err != nil || after == nil {
		return nil, err
	}
	defer after.close()
	var all []kind.Explanation
	if before.statements != nil && after.statements != nil {
		if e := dbdiff.Statements(shown(before.statements), shown(after.statements), how); e != nil {
			all = append(all, *e)
		}
	}
	for _, was := range before.inventory.Relations {
		is := after.inventory.relation(was.Name)
		if is == nil || is.Sum == was.Sum {
			continue
		}
		e, err := compareRows(ctx, before, after, was, *is, how)
		if err != nil {
			return nil, fmt.Errorf("compare the rows of %s: %w", was.Name, err)
		}
		all = append(all, e)
	}
	return all, nil
}

// side is one of two states that are compared.
type side struct {
	state      kind.State
	inventory  *inventory
	statements []statement
	conn       *pgx.Conn // live
}

// side reads what a state consists of; nil if that is not known. exact: rows are
// digested however large the live database is.
func (d *Driver) side(ctx context.Context, ws *kind.Workspace, state kind.State, exact bool) (*side, error) {
	if databaseOf(state.Part.ID) == "" {
		return nil, nil
	}
	if state.Live() {
		return d.liveSide(ctx, ws, state, exact)
	}
	m, err := readMeta(ctx, state.Part, state.Source)
	if err != nil || m.Format < metaFormat {
		return nil, err
	}
	s := &side{state: state}
	if s.inventory, err = readInventory(ctx, state.Part, state.Source); err != nil {
		return nil, err
	}
	if object, ok := state.Part.Object(schemaObject); ok {
		s.statements, err = readStatements(content.Open(ctx, state.Source, object))
	}
	return s, err
}

func (d *Driver) liveSide(ctx context.Context, ws *kind.Workspace, state kind.State, exact bool) (*side, error) {
	server, err := d.server(ctx, ws, state.Part.Item())
	if err != nil {
		return nil, err
	}
	database := databaseOf(state.Part.ID)
	conn, way, err := server.connect(ctx, database)
	if err != nil {
		return nil, cannotAsk(ctx, err)
	}
	s := &side{state: state, conn: conn}
	session, err := way.begin(ctx, conn)
	var snapshot string
	if err == nil {
		session.exact = exact
		var facts []kind.Fact
		if facts, err = session.facts(ctx, database, ws.Redact, nil, everything); err == nil {
			inv := session.inventory(facts)
			s.inventory = &inv
			snapshot, err = session.export(ctx)
		}
	}
	if err != nil {
		s.close()
		return nil, err
	}
	var script bytes.Buffer
	complaint, err := server.run(ctx, way, "pg_dump", []string{"--schema-only", "--create", "--quote-all-identifiers", "--encoding=UTF8", "--snapshot=" + snapshot}, database, nil, &script)
	if err == nil && complaint == "" {
		s.statements, err = readStatements(&script)
	}
	return s, err
}

func (s *side) close() { hangUp(s.conn) }

func readStatements(r io.Reader) ([]statement, error) {
	var all []statement
	script := newScript(r)
	for {
		st, err := script.next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if st.sql != "" && !isSetting(st.sql) {
			all = append(all, st)
		}
	}
}

// secretive are kinds of objects whose options may be secret.
var secretive = []string{"USER MAPPING", "SERVER", "SUBSCRIPTION", "FOREIGN DATA WRAPPER", "DATABASE PROPERTIES"}

var literals = regexp.MustCompile(`'(?:[^']|'')*'`)

// shown are statements as they are compared and shown.
func shown(list []statement) []dbdiff.Statement {
	var all []dbdiff.Statement
	for _, st := range list {
		redacted := st.sql
		if slices.Contains(secretive, st.kind) {
			redacted = literals.ReplaceAllString(redacted, "'***'")
		}
		all = append(all, dbdiff.Statement{Name: st.kind + " " + st.name, Text: st.sql, Redacted: redacted})
	}
	return all
}

// compareRows explains how the rows of a relation differ.
func compareRows(ctx context.Context, before, after *side, was, is relation, how kind.Explaining) (kind.Explanation, error) {
	if !was.hasRows(before) || !is.hasRows(after) {
		return kind.Explanation{Fact: kind.Printable(was.fact()), Summary: "the rows of one side were not kept"}, nil
	}
	table := dbdiff.Table{Fact: was.fact(), Key: was.Key}
	return dbdiff.Rows(ctx, table, before.rows(was), after.rows(is), how)
}

// hasRows reports whether the rows can be read.
func (r relation) hasRows(s *side) bool {
	_, stored := s.state.Part.Object(r.object())
	return s.conn != nil || stored
}

// count is how many rows the relation has, as its sum says.
func (r relation) count() int64 {
	word, _, _ := strings.Cut(r.Sum, " ")
	n, _ := strconv.ParseInt(word, 10, 64) // 0 where it has none
	return n
}

// rows are the rows of a relation.
func (s *side) rows(r relation) dbdiff.State {
	return dbdiff.State{Columns: r.Columns, Rows: r.count(), Lines: func(ctx context.Context) io.ReadCloser {
		if s.conn == nil {
			object, _ := s.state.Part.Object(r.object())
			return io.NopCloser(content.Open(ctx, s.state.Source, object))
		}
		return dbdiff.Written(func(w io.Writer) error { return copyOut(ctx, s.conn, r.source(), w) })
	}}
}
