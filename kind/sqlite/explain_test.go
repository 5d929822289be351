package sqlite

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/kind/kindtest"
)

// What lies behind changed facts: statements, and rows by their key or row id.
// Nothing of a row is shown unless it is asked for, and nothing live is opened.
func TestWhatLiesBehindDifferences(t *testing.T) {
	ws := workspace(t)
	db := newShop(t, ws, "wal")
	execute(t, db, "INSERT INTO log VALUES ('third'), (x'00ff'), (2)",
		"CREATE TABLE pairs (a, b, note, PRIMARY KEY (b, a)) WITHOUT ROWID", "INSERT INTO pairs VALUES (1, 'it''s', 'x')",
		"CREATE TABLE rowid (rowid, oid)", "INSERT INTO rowid VALUES (7, 8)", "CREATE VIRTUAL TABLE docs USING fts5(body)", "INSERT INTO docs VALUES ('a b')")
	d := &desk{T: t, ws: ws, store: kindtest.NewMemory()}
	part, _ := take(d, New(nil), d.item())
	execute(t, db, "DELETE FROM log WHERE line = 'same' AND rowid = 1", "UPDATE log SET line = 'quite secret' WHERE line = 'third'", "UPDATE log SET line = 2.0 WHERE line = 2",
		"UPDATE orders SET price = 1e999 WHERE id = 2", "INSERT INTO orders (id, item) VALUES (30, 'pot'), (4, 'lid')", "UPDATE pairs SET note = 'y' || char(9)",
		"UPDATE rowid SET oid = 9", "ALTER TABLE orders ADD COLUMN extra TEXT", "DROP INDEX by_item", "CREATE VIEW more AS SELECT 1")
	before := contents(t, ws.Root)
	later, _ := take(d, New(nil), d.item())
	live := kind.State{Part: kind.Part{ID: part.ID, Needs: part.Needs, Claims: part.Claims}}
	for _, other := range []kind.State{{Part: later, Source: d.store}, live} {
		explain := func(how kind.Explaining) map[string]kind.Explanation {
			all := make(map[string]kind.Explanation)
			for e, err := range New(nil).Explain(t.Context(), ws, kind.State{Part: part, Source: d.store}, other, how) {
				require.NoError(t, err)
				all[e.Fact] = e
			}
			return all
		}
		brief := explain(kind.Explaining{})
		require.Equal(t, "0 rows added, 1 removed, 2 changed", brief["table log"].Summary)
		require.Equal(t, "with new column extra; 2 rows added, 0 removed, 1 changed", brief["table orders"].Summary)
		require.Contains(t, brief["schema"].Lines, "+ CREATE VIEW more AS SELECT 1;")
		require.Contains(t, brief["schema"].Lines, "- CREATE INDEX by_item ON orders (item);")
		details := explain(kind.Explaining{Details: true})
		require.Equal(t, []string{"- rowid=1", "~ rowid=3: line", "~ rowid=5: line"}, details["table log"].Lines)
		require.Equal(t, []string{"~ id=2: price", "+ id=4", "+ id=30"}, details["table orders"].Lines)
		require.Equal(t, []string{`~ b='it''s' a=1: note`}, details["table pairs"].Lines)
		require.NotContains(t, fmt.Sprint(brief, details), "quite secret")
		values := explain(kind.Explaining{Details: true, Values: true})
		require.Equal(t, []string{"- rowid=1 line='same'", "~ rowid=3: line='third' -> 'quite secret'", "~ rowid=5: line=2 -> 2.0"}, values["table log"].Lines)
		require.Contains(t, values["table orders"].Lines, "~ id=2: price=4.0 -> +9e999")
		require.Equal(t, []string{`~ b='it''s' a=1: note='x' -> 'y\x09'`}, values["table pairs"].Lines)
		require.Equal(t, []string{"~ rowid=1: oid=8 -> 9"}, values["table rowid"].Lines, "its row id has another name")
	}
	require.Equal(t, before, contents(t, ws.Root))

	ws.Dumps = "never"
	undumped, _ := take(d, New(nil), d.item())
	for e, err := range New(nil).Explain(t.Context(), ws, kind.State{Part: part, Source: d.store}, kind.State{Part: undumped, Source: d.store}, kind.Explaining{}) {
		require.NoError(t, err)
		require.True(t, e.Fact == "schema" || e.Summary == "the rows of one side were not kept", "%+v", e)
	}
}
