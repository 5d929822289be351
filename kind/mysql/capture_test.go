package mysql_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/content"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// Hold fixes one instant for all sessions, and keeps the rows of tables that
// no transaction protects.
func TestCaptureIsOfTheInstantOfHold(t *testing.T) {
	r := newRig(t)
	r.sql(schema + "SET GLOBAL TRANSACTION ISOLATION LEVEL READ COMMITTED") // which would see what comes after
	store := kindtest.NewMemory()
	item := r.item("shop")
	before := r.factsOf(item)
	part, facts := r.capture(item, store, func() {
		r.sql("INSERT INTO orders (customer) VALUES (1), (2); UPDATE odd SET f = 1; DELETE FROM old; DELETE FROM sessions; UPDATE aria SET t = 'late'; DELETE FROM prices")
	})
	require.Equal(t, before, facts)
	require.NotEqual(t, before, r.factsOf(item), "what came after")
	require.True(t, part.Transaction)
	require.False(t, part.Held.IsZero())
	require.Empty(t, part.Gaps)
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Empty(t, changed(before, r.factsOf(item)))
}

// M3: newer dump programs begin with a line that older clients do not
// understand. It is cut off, and nothing else is.
func TestScriptWithoutSandboxLine(t *testing.T) {
	r := newRig(t)
	r.sql("CREATE TABLE t (n int); CREATE FUNCTION f() RETURNS int RETURN 1; CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO DO 1; CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.n = 1")
	require.Contains(t, testbed.Exec(t, r.container, "mariadb-dump", "--no-data", "shop"), "sandbox mode", "the program writes the line")
	store := kindtest.NewMemory()
	part, _ := r.capture(r.item("shop"), store, nil)
	script := read(t, store, part, "schema.sql")
	require.NotContains(t, script, "sandbox")
	for _, what := range []string{"CREATE TABLE `t`", "FUNCTION `f`", "EVENT `e`", "TRIGGER g"} {
		require.Contains(t, script, what)
	}
	require.NotContains(t, script, "Dump completed")
}

// Rows come in the order of their key (table.query), not in that of an index which
// has all that is asked for.
func TestSecondCaptureAddsNothing(t *testing.T) {
	r := newRig(t)
	r.sql(schema + "CREATE TABLE ordered (id int PRIMARY KEY, n int, KEY (n)); INSERT INTO ordered VALUES (1, 3), (2, 2), (3, 1)")
	store := kindtest.NewMemory()
	first, facts := r.capture(r.item("shop"), store, nil)
	added := store.Bytes()
	r.sql("ALTER TABLE odd FORCE; FLUSH TABLES")
	second, same := r.capture(r.item("shop"), store, nil)
	require.Equal(t, facts, same)
	require.Equal(t, first.Objects, second.Objects)
	require.Equal(t, added, store.Bytes())
	require.Equal(t, "1\t3\n2\t2\n3\t1\n", read(t, store, second, "table/ordered"))
}

func TestDumpsAsWanted(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	r.ws.Dumps = "never"
	store := kindtest.NewMemory()
	never, facts := r.capture(r.item("shop"), store, nil)
	require.Len(t, never.Gaps, 1)
	_, ok := never.Object("table/orders")
	require.False(t, ok)
	require.NotEmpty(t, read(t, store, never, "table/sessions"), "no file has these rows")
	preview, err := r.driver.Preview(t.Context(), r.ws, never, store)
	require.NoError(t, err)
	require.Len(t, preview.Conflicts, 1)
	require.ErrorContains(t, r.driver.Restore(t.Context(), r.ws, never, store), "holds no dump")
	r.ws.Dumps = "always"
	_, same := r.capture(r.item("shop"), store, nil)
	require.Equal(t, facts, same, "facts do not depend on the dump")
}

// Somebody in the middle of a migration holds a lock that nobody else can
// have. A frozen workspace must not wait for it.
func TestHoldDoesNotWaitForLocks(t *testing.T) {
	r := newRig(t)
	r.sql("CREATE TABLE t (n int); CREATE TABLE other (n int); INSERT INTO other VALUES (1)")
	migration := exec.Command("docker", "exec", r.container, "mariadb", "shop", "-e", "LOCK TABLES t WRITE; SELECT SLEEP(600)")
	require.NoError(t, migration.Start())
	testbed.Eventually(t, time.Minute, "the table is locked", func() bool {
		return strings.Contains(r.sql("SHOW PROCESSLIST"), "SLEEP(600)")
	})
	capture, err := r.driver.Open(t.Context(), r.ws, r.item("shop"), kindtest.NewMemory())
	require.NoError(t, err)
	defer func() { require.NoError(t, capture.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, capture.(kind.Holder).Hold(ctx))
	require.NoError(t, capture.Take(ctx))
	part, err := capture.Finish(t.Context())
	require.NoError(t, err)
	facts := collect(t, part.ID, part.Facts)
	require.Equal(t, "cannot be read", facts["shop: table t"])
	require.Contains(t, facts["shop: table other"], "1 rows")
	var what []string
	for _, gap := range part.Gaps {
		what = append(what, gap.What)
	}
	require.Contains(t, what, "rows of table t")
	r.sql("KILL " + r.sql("SELECT ID FROM information_schema.processlist WHERE INFO LIKE '%SLEEP(600)' AND ID <> CONNECTION_ID()"))
	require.Error(t, migration.Wait())
}

// M4: a MEMORY table is empty once the server has been started again, and a
// variable that was set while it ran is forgotten. Both are captured with
// their values and put back after the start.
func TestWhatIsOnlyInMemoryComesBack(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	r.sql("SET GLOBAL max_connections = 77, GLOBAL event_scheduler = ON, GLOBAL init_connect = 'DO 1'; CREATE TRIGGER seen AFTER INSERT ON sessions FOR EACH ROW INSERT INTO empty VALUES (1)")
	r.ws.Dumps = "never"
	store := kindtest.NewMemory()
	before := r.facts()
	parts := make(map[string]kind.Part)
	for _, item := range r.items {
		parts[item.ID.Name], _ = r.capture(item, store, nil)
	}
	testbed.Docker(t, "kill", r.container)
	testbed.Docker(t, "start", r.container)
	testbed.WaitForMariaDB(t, r.container)
	require.Equal(t, "0", r.sql("SELECT count(*) FROM sessions"))
	for range 2 {
		for _, item := range r.items {
			require.NoError(t, r.driver.Start(t.Context(), r.ws, parts[item.ID.Name], store))
		}
		require.Empty(t, changed(before, r.facts()))
	}
}

func TestServerThatCannotBeAsked(t *testing.T) {
	r := newRig(t)
	r.sql("CREATE TABLE t (n int)")
	running := r.items
	store := kindtest.NewMemory()
	part, _ := r.capture(r.item("shop"), store, nil)
	waitHealthy := func(part kind.Part, limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return r.driver.WaitHealthy(ctx, r.ws, part, store)
	}
	for _, state := range []struct{ name, stop, start, why string }{
		{"paused", "pause", "unpause", "its server cannot be asked: its container is paused"},
		{"stopped", "stop", "start", "its server is not running"},
	} {
		testbed.Docker(t, state.stop, r.container)
		r.find()
		require.Equal(t, running, r.items, state.name)
		_, err := first(r.driver.Inspect(t.Context(), r.ws, part.Item()))
		require.ErrorIs(t, err, kind.ErrNotRunning, state.name)
		require.EqualError(t, err, state.why)
		silent, facts := r.capture(r.item("shop"), store, nil)
		require.Empty(t, facts)
		require.Len(t, silent.Gaps, 1)
		require.NoError(t, waitHealthy(silent, time.Minute), "it was not running when it was captured")
		require.ErrorIs(t, waitHealthy(part, 3*time.Second), kind.ErrNotRunning, state.name)
		preview, err := r.driver.Preview(t.Context(), r.ws, part, store)
		require.NoError(t, err)
		require.Len(t, preview.Conflicts, 1, state.name)
		testbed.Docker(t, state.start, r.container)
		require.NoError(t, waitHealthy(part, time.Minute), state.name)
	}
	testbed.Docker(t, "stop", r.container)
	r.ws.Cache = kindtest.NewCache()
	r.find()
	require.Empty(t, r.items, "nothing tells where the data is, which is at no usual place")
}

func TestDatabaseThatIsGone(t *testing.T) {
	r := newRig(t)
	r.sql("CREATE DATABASE other")
	r.find()
	item := r.item("other")
	r.sql("DROP DATABASE other")
	_, err := first(r.driver.Inspect(t.Context(), r.ws, item))
	require.ErrorIs(t, err, kind.ErrGone)
	_, err = r.driver.Open(t.Context(), r.ws, item, kindtest.NewMemory())
	require.ErrorIs(t, err, kind.ErrGone)
}

func read(t *testing.T, store *kindtest.Memory, part kind.Part, name string) string {
	t.Helper()
	object, ok := part.Object(name)
	require.True(t, ok, "no object %s", name)
	all, err := content.ReadAll(t.Context(), store, object)
	require.NoError(t, err)
	return string(all)
}

func first(facts kind.Facts) (kind.Fact, error) {
	for fact, err := range facts {
		return fact, err
	}
	return kind.Fact{}, nil
}

// An account that may not read everything gets what it may, and the rest is
// said to be missing.
func TestWithoutPrivileges(t *testing.T) {
	r := rigOn(t, testbed.MariaDB(t, testbed.Volume(t), []string{"--env=MYSQL_USER=clerk", "--env=MYSQL_PASSWORD=plain"}))
	r.sql("CREATE TABLE seen (n int); INSERT INTO seen VALUES (1); CREATE TABLE hidden (n int, m int); CREATE VIEW v AS SELECT 1 AS one; CREATE USER clerk IDENTIFIED BY 'plain'; GRANT SELECT ON shop.seen TO clerk; GRANT SELECT (n) ON shop.hidden TO clerk")
	testbed.Exec(t, r.container, "mariadb", "-e", "ALTER USER root@localhost IDENTIFIED BY 'other', root@'%' IDENTIFIED BY 'other'")
	store := kindtest.NewMemory()
	part, facts := r.capture(r.item("shop"), store, nil)
	require.Equal(t, "cannot be read", facts["shop: table hidden"])
	require.Contains(t, facts["shop: table seen"], "1 rows")
	var what []string
	for _, gap := range part.Gaps {
		what = append(what, gap.What)
	}
	require.Contains(t, what, "rows of table hidden")
	_, ok := part.Object("table/hidden")
	require.False(t, ok)
}

// A table that is dropped while the database is read is not there, and
// nothing else is wrong.
func TestTableDroppedMeanwhile(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	drop := exec.Command("docker", "exec", r.container, "mariadb", "shop", "-e", "DROP TABLE odd")
	part, facts := r.capture(r.item("shop"), kindtest.NewMemory(), func() {
		require.NoError(t, drop.Start())
		testbed.Eventually(t, time.Minute, "it waits for us", func() bool {
			return strings.Contains(r.sql("SHOW PROCESSLIST"), "metadata lock")
		})
	})
	require.Empty(t, part.Gaps, "the table is kept from going until it is read")
	require.Contains(t, facts["shop: table odd"], "5 rows")
	require.NoError(t, drop.Wait())
}
