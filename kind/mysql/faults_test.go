package mysql_test

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// killSessions ends the sessions of others. It may be ended itself.
func (r *rig) killSessions(which string) { r.kill("", which) }

func (r *rig) kill(what, which string) {
	r.Helper()
	const script = `mariadb -BN -e "SELECT CONCAT('KILL $1', ID) FROM information_schema.processlist WHERE ID <> CONNECTION_ID() AND USER = 'root' AND $2" | while read -r kill; do mariadb -e "$kill"; done`
	_ = exec.Command("docker", "exec", r.container, "sh", "-c", script, "sh", what, which).Run()
}

const wide = "CREATE TABLE wide (id int PRIMARY KEY, t text) SELECT seq AS id, repeat(md5(seq), 400) AS t FROM seq_1_to_600"

// A capture whose connection is cut fails and says so: what was not read is no
// part of a snapshot (isCutOff).
func TestCapturesThatFail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql(strings.Replace(wide, "600", "1500", 1)) // more than is on its way at a time
	before := r.facts()
	finish := func(after int, trip func()) error {
		r.ws.Cache = kindtest.NewCache() // everything is read
		store := &kindtest.Tripping{Memory: kindtest.NewMemory(), After: after, Trip: trip}
		capture, err := r.driver.Open(t.Context(), r.ws, r.item("shop"), store)
		require.NoError(t, err)
		defer func() { require.NoError(t, capture.Close()) }()
		require.NoError(t, capture.(kind.Holder).Hold(t.Context()))
		require.NoError(t, capture.Take(t.Context()))
		if after == 0 {
			trip()
		}
		_, err = capture.Finish(t.Context())
		return err
	}
	require.ErrorContains(t, finish(0, func() { r.killSessions("TRUE") }), "read table wide")
	err := finish(1, func() { r.kill("QUERY ", "INFO LIKE 'SELECT%wide%'") })
	require.ErrorContains(t, err, "read table wide")
	require.ErrorContains(t, err, "Error 1317")
	require.Empty(t, changed(before, r.facts()))
}

// A restore whose sessions are ended anywhere is taken back, by a session of its
// own (reconnect), or has come to its end: nothing is between.
func TestRestoreIsCutOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql(schema + wide)
	memory := kindtest.NewMemory()
	old := r.facts()
	part, _ := r.capture(r.item("shop"), memory, nil)
	const wreck = "UPDATE orders SET total = 2 WHERE id < 10; DELETE FROM odd; DROP TRIGGER changed; ALTER VIEW zz AS SELECT 1 AS one; UPDATE wide SET t = 'x'"
	r.sql(wreck)
	live := r.facts()
	cut := 0
	between := func(err error, when any) {
		require.NotContains(t, r.sql("SHOW DATABASES"), "dogear", when)
		if err != nil {
			require.Empty(t, changed(live, r.facts()), when)
			cut++
			return
		}
		require.Empty(t, changed(old, r.facts()), when)
		r.sql(wreck)
		live = r.facts()
	}
	for after := range testbed.Points(3) {
		between(r.driver.Restore(t.Context(), r.ws, part, &kindtest.Tripping{Memory: memory, After: 4 + 2*after, Trip: func() { r.killSessions("TRUE") }}), after)
	}
	for _, step := range []string{"INFO LIKE 'RENAME TABLE%'", "INFO LIKE 'CREATE%TRIGGER%'", "INFO LIKE 'CREATE%VIEW%'"} {
		for range testbed.Points(1) {
			ctx, stop := context.WithCancel(t.Context())
			killed := make(chan struct{})
			go func() {
				defer close(killed)
				for ctx.Err() == nil {
					r.killSessions(step)
				}
			}()
			err := r.driver.Restore(t.Context(), r.ws, part, memory)
			stop()
			<-killed
			between(err, step)
		}
	}
	require.Positive(t, cut, "some were cut off")
}

// The server's disk is full while a dump is loaded: it says so, the database is
// what it was, and the room is given back.
func TestFullDiskOfTheServer(t *testing.T) {
	t.Parallel()
	r := rigOn(t, testbed.MariaDB(t, testbed.Volume(t, "--opt=type=tmpfs", "--opt=device=tmpfs", "--opt=o=size=160m"), nil, "--innodb-log-file-size=8M"))
	r.sql(wide)
	store := kindtest.NewMemory()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql("UPDATE wide SET t = 'short' WHERE id < 100")
	live := r.facts()
	testbed.Exec(t, r.container, "sh", "-c", "free=$(df --output=avail -k /srv/db | tail -n 1); head -c $(( (free - 12000) * 1024 )) /dev/zero >/srv/db/filler")
	require.ErrorContains(t, r.driver.Restore(t.Context(), r.ws, part, store), "load table wide: Error 1114 (HY000): The table 'wide' is full")
	require.Empty(t, changed(live, r.facts()))
	require.NotContains(t, r.sql("SHOW DATABASES"), "dogear")
	testbed.Exec(t, r.container, "rm", "/srv/db/filler")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, "0", r.sql("SELECT count(*) FROM wide WHERE t = 'short'"))
}

// Faults that a server outlives, one after another on the same one.
func TestFaultsOfARestore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, fault := range []struct {
		name string
		test func(t *testing.T)
	}{
		{"a table that stays locked", r.tableThatStaysLocked}, {"a database dropped meanwhile", r.databaseDroppedMeanwhile}, {"large rows", r.largeRows},
	} {
		t.Run(fault.name, fault.test)
	}
}

// Somebody who works from another database has a table locked for ever: the
// restore gives up, is taken back, and says who it may be (lockedBy).
func (r *rig) tableThatStaysLocked(t *testing.T) {
	r.sql("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	store := kindtest.NewMemory()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql("INSERT INTO a VALUES (2)")
	live := r.facts()
	for _, held := range []string{"LOCK TABLES shop.a READ; SELECT SLEEP(600)", "BEGIN; SELECT * FROM shop.a; SELECT SLEEP(600)"}[:testbed.Times(1, 2)] {
		holder := exec.Command("docker", "exec", r.container, "mariadb", "-e", held)
		require.NoError(t, holder.Start())
		const sleeping = "INFO LIKE '%SLEEP(600)' AND ID <> CONNECTION_ID()"
		id := ""
		testbed.Eventually(t, time.Minute, "somebody holds the table", func() bool {
			id = r.sql("SELECT ID FROM information_schema.processlist WHERE " + sleeping)
			return id != ""
		})
		err := r.driver.Restore(t.Context(), r.ws, part, store)
		require.ErrorContains(t, err, "it is locked, maybe by session")
		require.ErrorContains(t, err, fmt.Sprintf("%s (root@localhost", id))
		require.Empty(t, changed(live, r.facts()))
		require.NotContains(t, r.sql("SHOW DATABASES"), "dogear")
		r.killSessions(sleeping)
		require.Error(t, holder.Wait())
	}
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
}

// A database that is dropped while it is captured, or between the plan and the
// restore.
func (r *rig) databaseDroppedMeanwhile(t *testing.T) {
	store := kindtest.NewMemory()
	before := r.facts()
	part, facts := r.capture(r.item("shop"), store, nil)
	r.ws.Cache = kindtest.NewCache()
	drop := exec.Command("docker", "exec", r.container, "mariadb", "-e", "DROP DATABASE shop")
	again, same := r.capture(r.item("shop"), store, func() {
		require.NoError(t, drop.Start())
		testbed.Eventually(t, time.Minute, "it waits for us", func() bool {
			return strings.Contains(testbed.Exec(t, r.container, "mariadb", "-e", "SHOW PROCESSLIST"), "metadata lock")
		})
	})
	require.NoError(t, drop.Wait())
	require.Equal(t, facts, same, "it goes once it has been read")
	require.True(t, slices.ContainsFunc(again.Gaps, func(g kind.Gap) bool { return g.What == "schema.sql" }) || len(again.Gaps) == 0)
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Empty(t, changed(before, r.facts()))
}

// A row that is larger than what the server takes in one statement comes back,
// whatever bytes it consists of.
func (r *rig) largeRows(t *testing.T) {
	size := testbed.Times(16, 200) << 20
	r.sql(fmt.Sprintf("SET GLOBAL max_allowed_packet = %d", size+1<<20))
	r.sql(fmt.Sprintf("CREATE TABLE large (id int PRIMARY KEY, b longblob, c longblob); INSERT INTO large VALUES (1, repeat(x'00', %d), 'small'), (2, 'small', NULL)", size))
	store := kindtest.NewMemory()
	before := r.facts()
	part, _ := r.capture(r.item("shop"), store, nil)
	require.Empty(t, part.Gaps)
	r.sql("UPDATE large SET b = 'x' WHERE id = 1")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Empty(t, changed(before, r.facts()))
}
