package mysql_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// rowsRead is how many rows the server has read of tables so far.
func (r *rig) rowsRead() int {
	r.Helper()
	n, err := strconv.Atoi(strings.Fields(r.sql("SHOW GLOBAL STATUS LIKE 'Rows_read'"))[1])
	require.NoError(r, err)
	return n
}

// captureUntilKnown captures until nothing is read any more.
func (r *rig) captureUntilKnown(store *kindtest.Memory) (kind.Part, map[string]string) {
	r.Helper()
	var part kind.Part
	var facts map[string]string
	testbed.Eventually(r, 20*time.Second, "nothing is read again", func() bool {
		start := r.rowsRead()
		part, facts = r.capture(r.item("shop"), store, nil)
		return r.rowsRead()-start < 5000
	})
	return part, facts
}

// Tables are not read again while InnoDB's log ends where it ended (view.key),
// neither by a capture nor by a look.
func TestUnchangedTablesAreNotReadAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int, FOREIGN KEY (a) REFERENCES a (id) ON DELETE CASCADE)")
	r.sql("INSERT INTO a SELECT seq FROM seq_1_to_20000; INSERT INTO b SELECT seq, seq FROM seq_1_to_20000")
	testbed.Docker(t, "restart", r.container)
	testbed.WaitForMariaDB(t, r.container)
	r.requireALookProvesNothing()
	store := kindtest.NewMemory()
	first, facts := r.capture(r.item("shop"), store, nil)
	again, same := r.captureUntilKnown(store)
	require.Equal(t, facts, same)
	require.Equal(t, first.Objects, again.Objects)
	start := r.rowsRead()
	require.Equal(t, facts, r.factsOf(r.item("shop")))
	require.Less(t, r.rowsRead()-start, 5000)

	store.Clear()
	part, _ := r.capture(r.item("shop"), store, nil)
	require.Equal(t, 20000, strings.Count(read(t, store, part, "table/b"), "\n"), "a store that has lost the rows gets them again")
	r.sql("DELETE FROM a WHERE id = 7")
	require.Equal(t, []string{"shop: table a", "shop: table b"}, changed(facts, r.factsOf(r.item("shop"))))
}

// What is read while something is being committed is no proof: that is in the log
// already, and not seen yet. Only a capture, for which commits wait, notes
// anything (view.settled).
func (r *rig) requireALookProvesNothing() {
	r.Helper()
	for range 3 {
		start := r.rowsRead()
		r.factsOf(r.item("shop"))
		require.Greater(r, r.rowsRead()-start, 15000)
	}
}

// Much changes a table and leaves the time of its last change (UPDATE_TIME) what
// it was, or brings an earlier one back. All of it is in InnoDB's log.
func TestChangesThatSetNoTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	store := kindtest.NewMemory()
	r.sql("CREATE TABLE unused (id int)")
	for _, change := range []struct{ name, before, sql string }{
		{"emptied", "", "TRUNCATE a"},
		{"exchanged by name", "", "RENAME TABLE a TO x, b TO a, x TO b"},
		{"another partition", "ALTER TABLE a PARTITION BY HASH (id) PARTITIONS 2; CREATE TABLE other (id int PRIMARY KEY, n int); INSERT INTO other VALUES (2, 9)",
			"ALTER TABLE a EXCHANGE PARTITION p0 WITH TABLE other"},
		{"prepared elsewhere", "XA START 'x'; INSERT INTO a VALUES (9, 9); XA END 'x'; XA PREPARE 'x'", "XA COMMIT 'x'"},
		{"many at once", "TRUNCATE a", "SET unique_checks = 0, foreign_key_checks = 0; INSERT INTO a SELECT seq, seq FROM seq_1_to_50"},
		{"a column that is another", "", "ALTER TABLE a DROP COLUMN n, ADD COLUMN n int DEFAULT NULL, ALGORITHM=INSTANT"},
		{"no table of InnoDB", "ALTER TABLE a ENGINE=MyISAM", "UPDATE a SET n = 7"},
		{"other space", "CREATE TABLE source LIKE a; INSERT INTO source VALUES (7, 7)", "ALTER TABLE a DISCARD TABLESPACE"},
	} {
		r.sql("DROP DATABASE shop; CREATE DATABASE shop")
		r.sql("CREATE TABLE a (id int PRIMARY KEY, n int DEFAULT NULL); CREATE TABLE b LIKE a; INSERT INTO a VALUES (1, 1), (2, 2); INSERT INTO b VALUES (3, 3); " + change.before)
		var before map[string]string
		_, before = r.capture(r.item("shop"), store, nil)
		require.Empty(t, changed(before, r.factsOf(r.item("shop"))), change.name)
		r.sql(change.sql)
		require.Contains(t, changed(before, r.factsOf(r.item("shop"))), "shop: table a", change.name)
	}
}

// A transaction that was prepared before a restart changes a table when it is
// committed.
func TestPreparedTransactionsAreSeen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql("CREATE TABLE a (id int PRIMARY KEY); XA START 'x'; INSERT INTO a VALUES (1); XA END 'x'; XA PREPARE 'x'")
	testbed.Docker(t, "stop", r.container)
	testbed.Docker(t, "start", r.container)
	testbed.WaitForMariaDB(t, r.container)
	_, before := r.captureUntilKnown(kindtest.NewMemory())
	require.Empty(t, changed(before, r.factsOf(r.item("shop"))))
	r.sql("XA COMMIT 'x'")
	require.Equal(t, []string{"shop: table a"}, changed(before, r.factsOf(r.item("shop"))))
}
