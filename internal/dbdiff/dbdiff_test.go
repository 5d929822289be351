package dbdiff

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dogear/internal/rowtext"
	"dogear/kind"
)

func state(columns string, rows ...string) State {
	text := strings.Join(append(slices.Clone(rows), ""), "\n")
	return State{
		Columns: strings.Fields(columns), Rows: int64(len(rows)),
		Lines: func(context.Context) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) },
	}
}

func explain(t require.TestingT, table Table, before, after State, how kind.Explaining) kind.Explanation {
	e, err := Rows(context.Background(), table, before, after, how)
	require.NoError(t, err)
	return e
}

var (
	details = kind.Explaining{Details: true}
	values  = kind.Explaining{Details: true, Values: true}
)

func TestRowsByKey(t *testing.T) {
	before := state("id name total", "1\tann\t5", "2\tbob\t6", "10\tcy\\tn\t7", "9\t\\N\t8")
	after := state("id name total", "9\tx\t8", "2\tbob\t6", "10\tcy\\tn\t70", "11\tquite \\\\secret\t1")
	table := Table{Fact: "table t", Key: []string{"id"}}
	require.Equal(t, kind.Explanation{Fact: "table t", Summary: "1 row added, 1 removed, 2 changed"}, explain(t, table, before, after, kind.Explaining{}))
	require.Equal(t, []string{"- id=1", "~ id=9: name", "~ id=10: total", "+ id=11"}, explain(t, table, before, after, details).Lines)
	require.Equal(t, []string{"- id=1 name=ann total=5", "~ id=9: name=NULL -> x", "~ id=10: total=7 -> 70", `+ id=11 name=quite \\secret total=1`},
		explain(t, table, before, after, values).Lines)
	keyless := explain(t, Table{Fact: "table t"}, before, after, details)
	require.Equal(t, "3 rows added, 3 removed, 0 changed", keyless.Summary)
	require.Contains(t, keyless.Lines, "- id=*** name=*** total=***")
}

// Of a long value the beginning is shown, but all of it is compared.
func TestLongValues(t *testing.T) {
	long := strings.Repeat("x", 2*longest)
	e := explain(t, Table{Key: []string{"id"}}, state("id a b", "1\t"+long+"1\t"+long), state("id a b", "1\t"+long+"2\t"+long), values)
	require.Equal(t, []string{"~ id=1: a=" + long[:longest] + "… -> " + long[:longest] + "…"}, e.Lines)
	keys := explain(t, Table{Key: []string{"id"}}, state("id v", long+"1\t1", long+"2\t2"), state("id v", long+"2\t3"), kind.Explaining{})
	require.Equal(t, "0 rows added, 1 removed, 1 changed", keys.Summary)
}

func TestRowsThatAreReadOnce(t *testing.T) {
	before, after := state("key type value", "a\tset\tx", "b\tset\ty", "c\tlist\tz"), state("key type value", "b\tset\ty", "a\tlist\tx", "d\tset\tsecret")
	before.Rows, after.Rows = defaults.perPass, defaults.perPass // more than one pass would be made otherwise
	read := 0
	lines := after.Lines
	after.Once, after.Lines = true, func(ctx context.Context) io.ReadCloser {
		read++
		return lines(ctx)
	}
	table := Table{Noun: "key", Key: []string{"key"}, Open: []string{"type"}}
	e := explain(t, table, before, after, details)
	require.Equal(t, 1, read)
	require.Equal(t, "1 key added, 1 removed, 1 changed", e.Summary)
	require.Equal(t, []string{"~ key=a: type=set -> list", "- key=c type=list", "+ key=d type=set"}, e.Lines)
	before.Rows = mostAtOnce + 1
	require.Contains(t, explain(t, table, before, after, details).Summary, "too many")
	require.Equal(t, 1, read)
}

func TestRowsByHandle(t *testing.T) {
	before := state("line", "1\tsame", "2\tsame", "3\tgone", "4\twas")
	after := state("line", "7\tsame", "8\tsame", "4\tis")
	require.Equal(t, []string{"- rowid=3", "~ rowid=4: line"}, explain(t, Table{Handle: "rowid"}, before, after, details).Lines, "a row id is no content")
}

func TestRowsOfAlteredTables(t *testing.T) {
	table := Table{Key: []string{"id"}}
	e := explain(t, table, state("id old name", "1\tx\tann", "2\ty\tbob"), state("id name new", "1\tann\t\\N", "2\tBob\t\\N"), details)
	require.Equal(t, "without column old; with new column new; 0 rows added, 0 removed, 1 changed", e.Summary)
	require.Equal(t, []string{"~ id=2: name"}, e.Lines)
	require.Equal(t, "its columns are others", explain(t, table, state("a", "1"), state("b", "1"), details).Summary)
	e = explain(t, Table{}, state(""), state("", "", ""), details)
	require.Equal(t, "2 rows added, 0 removed, 0 changed", e.Summary, "a table without columns")
	e = explain(t, table, state("id name", "1\tann", "2\tbob"), state("name", "ann"), details)
	require.Equal(t, []string{"- name=***"}, e.Lines, "without its key")
	_, err := Rows(t.Context(), Table{}, state("a b c", "1"), state("c", "1"), details)
	require.ErrorIs(t, err, errFields)
}

// However many passes it takes, as many rows are found as a plain count finds,
// and what is kept of them stays within its limits.
func TestPassesFindTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf("%d\t%d", rapid.IntRange(0, 40).Draw(t, "id"), rapid.IntRange(0, 2).Draw(t, "v"))
		})
		was, is := rapid.SliceOf(row).Draw(t, "was"), rapid.SliceOf(row).Draw(t, "is")
		c := &comparison{
			before: side{State: state("id v", was...)}, after: side{State: state("id v", is...)},
			form:   form{Table: Table{Key: []string{"id"}}, columns: []string{"id", "v"}, how: details},
			limits: limits{perPass: rapid.Int64Range(1, 20).Draw(t, "per pass"), most: rapid.Int64Range(0, 60).Draw(t, "most"), room: 500},
		}
		require.NoError(t, c.run(context.Background()))
		gone, come := 0, 0
		for r, n := range bag(was, is) {
			require.NotEmpty(t, r)
			gone, come = gone+max(n, 0), come+max(-n, 0)
		}
		require.EqualValues(t, gone, c.goneCount)
		require.EqualValues(t, come, c.comeCount)
		require.Equal(t, int64(gone+come) > c.most, c.many)
		if !c.many {
			require.Len(t, c.removed, gone)
			require.Len(t, c.added, come)
			changes, changed := c.match()
			require.Len(t, changes, gone+come-changed, "each is matched with one, if with any")
		}
		var e kind.Explanation
		c.describe(&e)
		require.LessOrEqual(t, len(e.Lines), 500/30)
	})
}

func bag(plus, minus []string) map[string]int {
	count := make(map[string]int)
	for _, r := range plus {
		count[r]++
	}
	for _, r := range minus {
		count[r]--
	}
	return count
}

func TestCutRowsAreNotBelieved(t *testing.T) {
	cut := state("a", "1", "2")
	cut.Lines = func(context.Context) io.ReadCloser { return io.NopCloser(strings.NewReader("1\n2")) }
	_, err := Rows(t.Context(), Table{}, state("a", "1"), cut, details)
	require.ErrorIs(t, err, rowtext.ErrCut)
}

func TestStatements(t *testing.T) {
	plain := func(name, text string) Statement { return Statement{Name: name, Text: text, Redacted: text} }
	mapping := func(password string) Statement {
		return Statement{Name: "USER MAPPING u", Text: "CREATE USER MAPPING u (" + password + ")", Redacted: "CREATE USER MAPPING u (***)"}
	}
	before := []Statement{plain("TABLE t", "CREATE TABLE t (\n    a int,\n    -- b\n    c int\n)"), plain("VIEW v", "CREATE VIEW v"), mapping("one"), plain("X", "SAME")}
	after := []Statement{plain("TABLE t", "CREATE TABLE t (\n    a bigint,\n    c int,\n    d int\n)"), plain("INDEX i", "CREATE INDEX i"), mapping("two"), plain("X", "SAME")}
	e := Statements(before, after, kind.Explaining{})
	require.Equal(t, "3 statements gone, 3 new", e.Summary)
	require.Equal(t, []string{
		"  CREATE TABLE t (", "-     a int", "-     -- b", "+     a bigint", "+     d int",
		"- CREATE VIEW v;",
		"~ CREATE USER MAPPING u (***) … (what may be secret in it has changed: --details --show-values shows it)",
		"+ CREATE INDEX i;",
	}, e.Lines)
	require.Contains(t, Statements(before, after, values).Lines, "+ CREATE USER MAPPING u (two);")
	require.Nil(t, Statements(before, before, details))
}
