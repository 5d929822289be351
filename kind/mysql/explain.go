package mysql

import (
	"context"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"

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
	compared := slices.ContainsFunc(before.definitions.Tables, before.hasRows)
	after, err := d.side(ctx, ws, b, compared)
	if err != nil || after == nil {
		return nil, err
	}
	defer after.close()
	var all []kind.Explanation
	if e := dbdiff.Statements(before.definitions.statements(), after.definitions.statements(), how); e != nil {
		all = append(all, *e)
	}
	for _, was := range before.definitions.Tables {
		is := after.definitions.table(was.Name)
		if is == nil || rowsOf(was) == rowsOf(is) {
			continue
		}
		e, err := compareRows(ctx, before, after, was, is, how)
		if err != nil {
			return nil, fmt.Errorf("compare the rows of %s: %w", was.Name, err)
		}
		all = append(all, e)
	}
	return all, nil
}

// rowsOf is what is said of the rows alone.
func rowsOf(t *table) string {
	rows, _, _ := cutNext(t.Sum)
	return rows
}

// side is one of two states that are compared.
type side struct {
	state       kind.State
	definitions *definitions
	link        *link // live
	view        *view // likewise
}

// side reads what a state consists of; nil if that is not known. exact: rows are
// digested however large the live database is.
func (d *Driver) side(ctx context.Context, ws *kind.Workspace, state kind.State, exact bool) (*side, error) {
	if databaseOf(state.Part.ID) == "" {
		return nil, nil
	}
	s := &side{state: state, definitions: &definitions{}}
	if state.Live() {
		return s, s.look(ctx, d, ws, exact)
	}
	m, err := readMeta(ctx, state.Part, state.Source)
	if err != nil || !m.Running {
		return nil, err
	}
	return s, read(ctx, state.Part, state.Source, definitionsObject, s.definitions)
}

// look reads a live database.
func (s *side) look(ctx context.Context, d *Driver, ws *kind.Workspace, exact bool) error {
	server, l, err := d.reach(ctx, ws, s.state.Part.Item())
	if err != nil {
		return err
	}
	s.link = l
	if s.view, err = begin(ctx, l, databaseOf(s.state.Part.ID), unlocked); err != nil {
		s.close()
		return err
	}
	s.definitions = s.view.definitions
	s.view.deep, s.view.proofs = exact, loadProofs(ws, s.state.Part.ID, server.run)
	if _, err := s.view.contents(ctx, nil); err != nil {
		s.close()
		return err
	}
	return nil
}

func (s *side) close() {
	if s.view != nil {
		s.view.close()
	}
	s.link.hangUp()
}

func compareRows(ctx context.Context, before, after *side, was, is *table, how kind.Explaining) (kind.Explanation, error) {
	fact := "table " + was.Name
	if !before.hasRows(was) || !after.hasRows(is) {
		return kind.Explanation{Fact: kind.Printable(fact), Summary: "the rows of one side were not kept, or cannot be read"}, nil
	}
	return dbdiff.Rows(ctx, dbdiff.Table{Fact: fact, Key: was.Key}, before.rows(was), after.rows(is), how)
}

// hasRows reports whether the rows can be read.
func (s *side) hasRows(t *table) bool {
	_, stored := s.state.Part.Object(rowsPrefix + t.Name)
	return stored || s.view != nil && !t.denied && t.unreadable == "" && !t.isElsewhere()
}

func (s *side) rows(t *table) dbdiff.State {
	count, _, _ := strings.Cut(t.Sum, " ")
	n, _ := strconv.ParseInt(count, 10, 64) // 0 where it is not known
	state := dbdiff.State{Rows: n, Lines: func(ctx context.Context) io.ReadCloser {
		if s.view == nil {
			object, _ := s.state.Part.Object(rowsPrefix + t.Name)
			return io.NopCloser(content.Open(ctx, s.state.Source, object))
		}
		return dbdiff.Written(func(w io.Writer) error { return copyRows(ctx, s.view.conns[0], t.query(s.view.database), w) })
	}}
	for _, c := range t.Columns {
		state.Columns = append(state.Columns, c.Name)
	}
	return state
}

// statements are what defines a database.
func (d *definitions) statements() []dbdiff.Statement {
	all := []dbdiff.Statement{{Name: "DATABASE", Text: "ALTER DATABASE " + d.Options, Redacted: "ALTER DATABASE " + d.Options}}
	add := func(name, text, redacted string) {
		all = append(all, dbdiff.Statement{Name: name, Text: text, Redacted: redacted})
	}
	for _, s := range d.Sequences {
		add("SEQUENCE "+s.Name, s.Create, s.Create)
	}
	for _, t := range d.Tables {
		text := t.definition()
		add("TABLE "+t.Name, text, t.redacted(text))
	}
	for _, p := range d.Programs {
		add(p.Type+" "+p.Name, p.describe(), p.describe())
	}
	return all
}

var literals = regexp.MustCompile(`'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"`)

// redacted hides how a table whose rows are elsewhere gets there.
func (t *table) redacted(text string) string {
	if !t.isElsewhere() && !strings.Contains(text, "CONNECTION=") {
		return text
	}
	return literals.ReplaceAllString(text, "'***'")
}
