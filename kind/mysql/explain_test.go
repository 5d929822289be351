package mysql_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// What lies behind changed facts, between two captures and between one and
// what is live: statements, and rows by their key. Nothing secret is shown
// unless it is asked for.
func TestWhatLiesBehindDifferences(t *testing.T) {
	r := newRig(t)
	r.sql(schema + `CREATE TABLE nokey (s text, f float); INSERT INTO nokey VALUES ('same', 1), ('gone	there', 16777216), ('same', 1);
		SET sql_mode = ''; CREATE TABLE far (id int PRIMARY KEY) ENGINE=MRG_MYISAM UNION=(old)`)
	store := kindtest.NewMemory()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql(`DELETE FROM orders WHERE id = 3; UPDATE orders SET total = 4711.5, placed = placed WHERE id = 4; INSERT INTO orders (id, customer, placed) VALUES (901, 1, '2026-01-01');
		UPDATE nokey SET f = 16777218 WHERE f > 1; ALTER TABLE events_by_year ADD COLUMN extra int; DROP VIEW aa; CREATE VIEW more AS SELECT 1 AS one;
		INSERT INTO sessions (k, r) VALUES ('secret one', 1); UPDATE odd SET b = x'00ff' WHERE k = 1; ALTER TABLE old AUTO_INCREMENT = 77; DROP TABLE empty`)
	later, _ := r.capture(r.item("shop"), store, nil)
	live := kind.State{Part: kind.Part{ID: part.ID, RunsIn: part.RunsIn}}
	for _, other := range []kind.State{{Part: later, Source: store}, live} {
		explain := func(how kind.Explaining) map[string]kind.Explanation {
			all := make(map[string]kind.Explanation)
			for e, err := range r.driver.Explain(t.Context(), r.ws, kind.State{Part: part, Source: store}, other, how) {
				require.NoError(t, err)
				all[e.Fact] = e
			}
			return all
		}
		brief := explain(kind.Explaining{})
		require.Equal(t, "1 row added, 1 removed, 1 changed", brief["table orders"].Summary)
		require.Empty(t, brief["table orders"].Lines)
		require.Equal(t, "1 row added, 1 removed, 0 changed", brief["table nokey"].Summary)
		require.Equal(t, "1 row added, 0 removed, 0 changed", brief["table sessions"].Summary, "in memory")
		require.Equal(t, "with new column extra; 0 rows added, 0 removed, 0 changed", brief["table events_by_year"].Summary)
		require.Contains(t, brief["schema"].Lines, "+   `extra` int(11) DEFAULT NULL")
		require.Contains(t, fmt.Sprint(brief["schema"].Lines), "VIEW `more` AS select 1")
		require.NotContains(t, brief, "table old", "its rows are the same")
		details := explain(kind.Explaining{Details: true})
		require.Equal(t, []string{"- id=3", "~ id=4: total", "+ id=901"}, details["table orders"].Lines)
		require.Equal(t, []string{"- s=*** f=***", "+ s=*** f=***"}, details["table nokey"].Lines)
		require.NotContains(t, fmt.Sprint(brief, details), "secret one")
		values := explain(kind.Explaining{Details: true, Values: true})
		require.Equal(t, []string{`- s=gone\x09there f=1.6777216e+07`, `+ s=gone\x09there f=1.6777218e+07`}, values["table nokey"].Lines)
		require.Contains(t, values["table orders"].Lines, "~ id=4: total=4.40 -> 4711.50")
		require.Contains(t, values["table sessions"].Lines, "+ id=102 k=secret one r=1")
	}
	testbed.Docker(t, "stop", r.container)
	for _, err := range r.driver.Explain(t.Context(), r.ws, kind.State{Part: part, Source: store}, live, kind.Explaining{}) {
		require.ErrorIs(t, err, kind.ErrNotRunning)
	}
}
