package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"bytes"

	"dogear/internal/content"
	"dogear/kind"
)

var _ kind.Explainer = (*Driver)(nil)

// Explain shows changed definitions as statements, and how many rows of each
// table differ, or which.
func (d *Driver) Explain(ctx context.Context, ws *kind.Workspace, a, b kind.State, how kind.Explaining) iter.Seq2[kind.Explanation, error] {
	return func(yield func(kind.Explanation, error) bool) {
		all, err := d.explain(ctx, ws, a, b, how)
		if err != nil {
			yield(kind.Explanation{}, err)
			return
		}
		slices.SortFunc(all, func(a, b kind.Explanation) int { return kind.CompareNames(a.Fact, b.Fact) })
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (d *Driver) explain(ctx context.Context, ws *kind.Workspace, a, b kind.State, how kind.Explaining) ([]kind.Explanation, error) {
	before, err := d.side(ctx, ws, a)
	if err != nil || before == nil {
		return nil, err
	}
	defer before.close()
	after, err := d.side(ctx, ws, b)
	if err != nil || after == nil {
		return nil, err
	}
	defer after.close()
	var all []kind.Explanation
	if e := explainStatements(before.statements, after.statements, how); e != nil {
		all = append(all, *e)
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

// side reads what a state consists of; nil if that is not known.
func (d *Driver) side(ctx context.Context, ws *kind.Workspace, state kind.State) (*side, error) {
	if databaseOf(state.Part.ID) == "" {
		return nil, nil
	}
	if state.Live() {
		return d.liveSide(ctx, ws, state)
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

func (d *Driver) liveSide(ctx context.Context, ws *kind.Workspace, state kind.State) (*side, error) {
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
	if err == nil {
		var facts []kind.Fact
		if facts, err = session.facts(ctx, database, ws.Redact, nil, everything); err == nil {
			inv := session.inventory(facts)
			s.inventory = &inv
		}
	}
	if err != nil {
		s.close()
		return nil, err
	}
	var script bytes.Buffer
	complaint, err := server.run(ctx, way, "pg_dump", []string{"--schema-only", "--create", "--quote-all-identifiers", "--encoding=UTF8"}, database, nil, &script)
	if err == nil && complaint == "" {
		s.statements, err = readStatements(&script)
	}
	return s, err
}

func (s *side) close() { hangUp(s.conn) }

// rows writes the rows of a relation.
func (s *side) rows(ctx context.Context, r relation) io.ReadCloser {
	if s.conn == nil {
		object, ok := s.state.Part.Object(r.Word + "/" + r.Name)
		if !ok {
			return nil
		}
		return io.NopCloser(content.Open(ctx, s.state.Source, object))
	}
	out, w := io.Pipe()
	go func() { w.CloseWithError(copyOut(ctx, s.conn, r.source(), w)) }()
	return out
}

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
var secretive = []string{"USER MAPPING", "SERVER", "SUBSCRIPTION", "FOREIGN DATA WRAPPER"}

// explainStatements shows the statements that only one of two states has.
func explainStatements(before, after []statement, how kind.Explaining) *kind.Explanation {
	if before == nil || after == nil {
		return nil
	}
	gone, come := onlyIn(before, after), onlyIn(after, before)
	if len(gone)+len(come) == 0 {
		return nil
	}
	e := &kind.Explanation{Fact: "schema", Summary: fmt.Sprintf("%s gone, %d new", counted(int64(len(gone)), "statement"), len(come))}
	for _, some := range []struct {
		sign string
		list []statement
	}{{"- ", gone}, {"+ ", come}} {
		for _, st := range some.list {
			for line := range strings.SplitSeq(shownStatement(st, how)+";", "\n") {
				addLine(e, some.sign+kind.Printable(line))
			}
		}
	}
	return e
}

func shownStatement(st statement, how kind.Explaining) string {
	if slices.Contains(secretive, st.kind) && !how.Values {
		return literals.ReplaceAllString(st.sql, "'***'")
	}
	return st.sql
}

func onlyIn(list, other []statement) []statement {
	count := make(map[string]int)
	for _, st := range other {
		count[st.sql]++
	}
	var only []statement
	for _, st := range list {
		if count[st.sql] > 0 {
			count[st.sql]--
			continue
		}
		only = append(only, st)
	}
	return only
}

func addLine(e *kind.Explanation, line string) {
	if len(e.Lines) == kind.MaxLines {
		e.More++
		return
	}
	e.Lines = append(e.Lines, line)
}

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
