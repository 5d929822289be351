package postgres_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
)

// Faults of a capture: each ends in an error that says what and who, and leaves
// the server and its database as they were.
func TestCapturesThatFail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql(`create table "Strange ""name""; ünï" (n int); insert into "Strange ""name""; ünï" values (1);
		create table t (n int primary key); insert into t select generate_series(1, 10);
		create role reader login password 'one'; grant select on t to reader; create table guarded (n int); insert into guarded values (1);
		alter table guarded enable row level security; create policy none on guarded to reader using (false); grant select on guarded to reader`)
	before := r.factsOf(r.item("shop"))
	finish := func(whileHeld func()) error {
		clearCache(r)
		capture, err := r.driver.Open(t.Context(), r.ws, r.item("shop"), newChunks())
		require.NoError(t, err)
		defer func() { require.NoError(t, capture.Close()) }()
		require.NoError(t, capture.(kind.Holder).Hold(t.Context()))
		require.NoError(t, capture.Take(t.Context()))
		whileHeld()
		_, err = capture.Finish(t.Context())
		return err
	}

	// The connection is cut in the middle, or the whole server goes.
	require.Error(t, finish(func() {
		r.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dogear'")
	}))
	require.Error(t, finish(func() { testbed.Docker(t, "kill", r.container) }))
	testbed.Docker(t, "start", r.container)
	testbed.Eventually(t, time.Minute, "the server answers", func() bool {
		return exec.Command("docker", "exec", r.container, "pg_isready", "-q", "-h", "127.0.0.1").Run() == nil
	})

	// Somebody drops the database, and all sessions with it. Fails without orDropped.
	r.sql("create database victim")
	r.find()
	victim, err := r.driver.Open(t.Context(), r.ws, r.item("victim"), newChunks())
	require.NoError(t, err)
	defer func() { require.NoError(t, victim.Close()) }()
	require.NoError(t, victim.(kind.Holder).Hold(t.Context()))
	r.sql("drop database victim with (force)")
	_, err = victim.Finish(t.Context())
	require.ErrorContains(t, err, "somebody has dropped the database while it was being captured")

	// A lock that is held for ever: who has it is said. It fails without nameHolders.
	holder := exec.Command("docker", "exec", "--env=PGAPPNAME=migration", r.container, "psql", "-XqU", "shop", "-d", "shop", "-c",
		`begin; lock table "Strange ""name""; ünï" in access exclusive mode; select pg_sleep(600)`)
	require.NoError(t, holder.Start())
	testbed.Eventually(t, time.Minute, "the table is locked", func() bool {
		return r.sql("select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted") != "0"
	})
	err = finish(func() {})
	require.ErrorContains(t, err, `public."Strange ""name""; ünï" is held by process `)
	require.ErrorContains(t, err, "of role shop (migration), in a transaction since ")
	r.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'migration'")
	require.Error(t, holder.Wait())

	// A role that may not read one table.
	r.namedAs("reader", "one")
	reader, err := r.driver.Open(t.Context(), r.ws, kind.Item{ID: kind.ID{Kind: "postgres", Name: "main/shop"}}, newChunks())
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Close()) }()
	require.NoError(t, reader.(kind.Holder).Hold(t.Context()))
	_, err = reader.Finish(t.Context())
	require.ErrorContains(t, err, "permission denied for table Strange")
	require.Equal(t, before, r.factsOf(r.item("shop")))

	// And one that may not see all of its rows: less is not captured in silence
	// (P7). Fails without row_security among what is pinned.
	r.sql(`grant select on "Strange ""name""; ünï" to reader`)
	_, err = first(r.driver.Inspect(t.Context(), r.ws, kind.Item{ID: kind.ID{Kind: "postgres", Name: "main/shop"}}))
	require.ErrorContains(t, err, "affected by row-level security policy")
}

// Faults of the server while a dump is loaded into it: each ends in an error, the
// live database is as it was, and nothing of what was loaded is left.
func TestServersThatFailARestore(t *testing.T) {
	t.Parallel()
	volume := testbed.Volume(t, "--opt=type=tmpfs", "--opt=device=tmpfs", "--opt=o=size=90m,mode=0777")
	r := rigOn(t, testbed.Postgres(t, "--volume="+volume+":/srv/small").Container)
	outside := func(statements string) {
		testbed.RunInput(t, statements, "docker", "exec", "-i", r.container, "psql", "-XAtqU", "shop", "-v", "ON_ERROR_STOP=1", "-d", "postgres")
	}
	testbed.Exec(t, r.container, "mkdir", "-m", "700", "/srv/small/space")
	outside("create tablespace small location '/srv/small/space'")
	outside("alter database shop set tablespace small")
	r.sql("create table t (n int primary key, s text); insert into t select n, repeat(md5(n::text), 10) from generate_series(1, 40000) n; create role maker login password 'one'")
	store := newChunks()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql("delete from t where n % 2 = 0; vacuum t")
	before := r.facts()
	refused := func(want string) {
		t.Helper()
		err := r.driver.Restore(t.Context(), r.keepingFor("one"), part, store)
		require.ErrorContains(t, err, want)
		back := part
		back.Back = "one"
		require.NoError(t, r.driver.Restore(t.Context(), r.ws, back, store), "there is nothing to take back")
		require.Equal(t, before, r.facts())
		require.Equal(t, "0|0", r.sql(ours))
	}
	// Its disk is full.
	testbed.Exec(t, r.container, "fallocate", "-l", "53M", "/srv/small/filler")
	refused("No space left on device")
	testbed.Exec(t, r.container, "rm", "/srv/small/filler")

	// Its sessions are cut off: the one that loads, and all that there are.
	for _, which := range []string{"datname like '%dogear_new'", "application_name = 'dogear'"} {
		cutter := exec.Command("docker", "exec", r.container, "psql", "-XqU", "shop", "-d", "shop", "-c", `do $$ begin loop
			if exists (select from pg_stat_activity where datname like '%dogear_new' and query like 'copy %') then
				perform pg_terminate_backend(pid) from pg_stat_activity where `+which+`; exit; end if;
			perform pg_stat_clear_snapshot(), pg_sleep(0.001); end loop; end $$`)
		require.NoError(t, cutter.Start())
		refused("terminating connection due to administrator command")
		require.NoError(t, cutter.Wait())
	}

	// The role may not make databases.
	r.namedAs("maker", "one")
	poor := part
	poor.ID, poor.RunsIn = kind.ID{Kind: "postgres", Name: "main/shop"}, kind.ID{}
	require.ErrorContains(t, r.driver.Restore(t.Context(), r.keepingFor("two"), poor, store), "permission denied to create database")
	require.Equal(t, before, r.facts())
	require.Equal(t, "0|0", r.sql(ours))

	require.NoError(t, r.driver.Restore(t.Context(), r.keepingFor("three"), part, store))
	require.Equal(t, "40000", r.sql("select count(*) from t"))
}

// A table that somebody else holds for ever is not waited for for ever, and who
// holds it is said.
func TestTableThatIsLocked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql("create table t (n int); insert into t values (1)")
	store := newChunks()
	part, _ := r.capture(r.item("shop"), store, nil)
	part.Inside = []string{"t"}
	r.sql("insert into t values (2)")
	holder := r.session()
	holder("set application_name = 'migration'; begin; lock table t;")
	testbed.Eventually(t, time.Minute, "the table is locked", func() bool {
		return r.sql("select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted and relation = 't'::regclass") == "1"
	})
	err := r.driver.Restore(t.Context(), r.ws, part, store)
	require.ErrorContains(t, err, "public.t is held by process ")
	require.ErrorContains(t, err, "of role shop (migration), in a transaction since ")
	holder("rollback;")
	require.Equal(t, "2", r.sql("select count(*) from t"))
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, "1", r.sql("select count(*) from t"))
}

// A row of many megabytes comes back whole. With DOGEAR_SOAK, one that the server
// cannot write is named, and all else is captured: without leaveOut nothing is.
func TestRowsOfManyMegabytes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	size := testbed.Times(32, 480) << 20
	r.sql(fmt.Sprintf(`create table t (n int, b bytea); alter table t alter b set storage external;
		insert into t values (1, 'small'), (2, convert_to(repeat('0123456789abcdef', %d), 'UTF8')), (3, null)`, size/16))
	store := newChunks()
	part, before := r.capture(r.item("shop"), store, nil)
	r.sql("delete from t where n = 2")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, before, r.factsOf(r.item("shop")))
	require.Equal(t, fmt.Sprint(size), r.sql("select max(length(b)) from t"))
	for range testbed.Times(0, 1) {
		r.sql("create table long (b bytea); insert into long select convert_to(repeat('x', 600 * 1024 * 1024), 'UTF8')")
		part, facts := r.capture(r.item("shop"), store, nil)
		require.Len(t, part.Gaps, 1)
		require.Equal(t, "rows of table public.long, and with them the dump", part.Gaps[0].What)
		require.Contains(t, part.Gaps[0].Why, "longer than 1 GB as text")
		require.Equal(t, []string{"shop: schema column public.long.b", "shop: schema table public.long", "shop: table public.long"}, changed(before, facts))
		require.Contains(t, facts["shop: table public.long"], "not digested")
		require.Equal(t, facts, r.factsOf(r.item("shop")))
		_, stored := part.Object("table/public.long")
		require.False(t, stored)
		change, err := r.driver.Preview(t.Context(), r.ws, part, store)
		require.NoError(t, err)
		require.NotEmpty(t, change.Conflicts, "nobody knows whether it is the same")
	}
}

// clearCache has everything read.
func clearCache(r *rig) { clear(r.ws.Cache.(memory)); r.find() }

// namedAs has dogear.yaml name the server, with a role.
func (r *rig) namedAs(role, password string) {
	r.Helper()
	address := testbed.Docker(r, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", r.container)
	dsn := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Host: address + ":5432", Path: "/shop"}
	text, err := json.Marshal(map[string]any{"servers": map[string]any{"main": map[string]any{"dsn": dsn.String()}}})
	require.NoError(r, err)
	r.ws.Config = map[string]json.RawMessage{"postgres": text}
}
