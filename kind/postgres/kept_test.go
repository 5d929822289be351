package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// ours are the databases that restores have made beside others.
const ours = "select count(*), count(*) filter (where datname like '%dogear_new') from pg_database where datname like '%dogear%'"

// A restore that fails before it has exchanged the database is taken back by
// leaving that as it is, whatever an earlier restore has kept; and what has been
// exchanged is not once more when the restore goes on after it was interrupted.
// Fails if what is kept does not say for which restore (keptName), if a database
// that was not exchanged is loaded from the dump (isTakenBack), and if Restore
// does not look whether it has done its work.
func TestWhatWasKeptIsOfOneRestore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql("create table t (n int); insert into t values (1)")
	store := newChunks()
	part, _ := r.capture(r.item("shop"), store, nil)
	restore := func(safety, back string) error {
		p := part
		p.Back = back
		return r.driver.Restore(t.Context(), r.keepingFor(safety), p, store)
	}
	rows := func() string { return r.sql("select string_agg(n::text, ',' order by n) from t") }

	r.sql("insert into t values (2)")
	require.NoError(t, restore("one", ""))
	r.sql("insert into t values (3)")
	object, ok := part.Object("table/public.t")
	require.True(t, ok)
	whole := store.byID[object.Chunks[0]]
	store.byID[object.Chunks[0]] = []byte("x\n")
	require.Error(t, restore("two", ""))
	r.sql("insert into t values (4)") // clients go on
	for range 2 {
		testbed.RunInput(t, "alter database shop allow_connections false", "docker", "exec", "-i", r.container, "psql", "-XqU", "shop", "-d", "postgres") // as one that is killed leaves it
		require.NoError(t, restore("", "two"))
		require.Equal(t, "1,3,4", rows(), "it was not exchanged: there is nothing to take back")
		require.Equal(t, "1|0", r.sql(ours), "what the first one has kept")
	}
	store.byID[object.Chunks[0]] = whole

	require.NoError(t, restore("three", ""))
	r.sql("insert into t values (5)")
	require.NoError(t, restore("three", ""), "once more, as it was interrupted")
	require.Equal(t, "1,5", rows())
	for range 2 {
		require.NoError(t, restore("", "three"))
		require.Equal(t, "1,3,4", rows())
	}
	r.sql("create database other__dogear_not; drop table t")
	r.find()
	require.Equal(t, "1", r.sql("select count(*) from pg_database where datname like 'shop__dogear_kept%'"))
	require.NoError(t, r.driver.Restore(t.Context(), r.keepingFor("four"), part, store))
	require.NoError(t, r.driver.Remove(t.Context(), r.keepingFor("five"), r.item("other__dogear_not")))
	r.find()
	require.Equal(t, "2|0", r.sql(ours))
	require.NoError(t, r.driver.Release(t.Context(), r.ws, r.items))
	require.Equal(t, "0|0", r.sql(ours), "also of a database that is no more")
	require.Equal(t, "1", rows())
}

// What is kept has subscriptions, as the database had: it reads nothing by them,
// goes on where it was when it comes back, and is dropped with them, while
// what they read from stays. Fails without dropSubscriptions.
func TestKeptDatabaseDoesNotReplicate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql("alter system set wal_level = logical; alter system set wal_retrieve_retry_interval = '100ms'; alter system set max_prepared_transactions = 5")
	testbed.Docker(t, "restart", r.container)
	r.untilItAnswers()
	in := func(database, statements string) string {
		return testbed.RunInput(t, statements, "docker", "exec", "-i", r.container, "psql", "-XAtqU", "shop", "-v", "ON_ERROR_STOP=1", "-d", database)
	}
	r.sql("create database source; create table t (n int)")
	in("source", "create table t (n int); create publication p for table t; select pg_create_logical_replication_slot('s', 'pgoutput')")
	r.sql("create subscription s connection 'dbname=source user=shop' publication p with (create_slot = false, copy_data = false)")
	arrives := func(n string) {
		in("source", "insert into t values ("+n+")")
		testbed.Eventually(t, time.Minute, n+" has come", func() bool { return r.sql("select count(*) from t where n = "+n) == "1" })
	}
	arrives("1")
	r.find()
	store := newChunks()
	part, _ := r.capture(r.item("shop"), store, nil)
	require.NoError(t, r.driver.Restore(t.Context(), r.keepingFor("one"), part, store))

	in("source", "insert into t values (2)")
	read := "select active, confirmed_flush_lsn from pg_replication_slots where slot_name = 's'"
	at := r.sql(read)
	require.True(t, strings.HasPrefix(at, "f|"), at)
	refused := func() bool {
		return strings.Contains(testbed.Run(t, "sh", "-c", "docker logs "+r.container+" 2>&1"), "is not currently accepting connections")
	}
	testbed.Eventually(t, time.Minute, "the server has tried", refused)
	require.Equal(t, at, r.sql(read), "nobody has read what came since")
	require.Equal(t, "1", r.sql("select count(*) from t"))
	part.Back = "one"
	require.NoError(t, r.driver.Restore(t.Context(), r.keepingFor("two"), part, store))
	arrives("3")
	require.Equal(t, "3", r.sql("select count(*) from t"), "it goes on where it was")

	part.Back = ""
	require.NoError(t, r.driver.Restore(t.Context(), r.keepingFor("three"), part, store))
	require.NoError(t, r.driver.Release(t.Context(), r.ws, r.items))
	require.Equal(t, "0|0", r.sql(ours))
	require.Equal(t, "1", r.sql("select count(*) from pg_replication_slots where slot_name = 's'"), "the subscription of the restored database may need it")
	require.Equal(t, "1|f", r.sql("select count(*), bool_or(subenabled) from pg_subscription"))

	// What cannot be exchanged as a transaction is open in it (guard) is as it was,
	// and lets its clients in again, whatever became of our session (reopen).
	r.sql("begin; insert into t values (9); prepare transaction 'open'")
	change, err := r.driver.Preview(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	require.Len(t, change.Conflicts, 1)
	require.Contains(t, change.Conflicts[0], `the prepared transaction "open"`)
	done := make(chan error, 1)
	forced := part
	forced.Back = "nothing" // is not asked
	go func() { done <- r.driver.Restore(t.Context(), r.keepingFor("four"), forced, store) }()
	testbed.Eventually(t, time.Minute, "the door is closed", func() bool {
		return in("postgres", "select datallowconn from pg_database where datname = 'shop'") == "f"
	})
	in("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dogear'")
	require.ErrorContains(t, <-done, "exchange the databases")
	r.sql("rollback prepared 'open'")
}
