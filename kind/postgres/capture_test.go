package postgres_test

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/content"
	"dogear/internal/testbed"
	"dogear/kind"
)

// P1: facts and dump are of the instant of Hold. Fails if the transaction sees
// what is committed later (begin), if sequences are read after it, if nothing keeps
// tables from being emptied (lock), and if pg_dump looks for itself (--snapshot).
func TestCaptureIsOfTheInstantOfHold(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	store := newChunks()
	server, want := r.capture(r.item(""), store, nil)
	require.True(t, server.Transaction)
	before := r.factsOf(r.item("shop"))
	part, facts := r.capture(r.item("shop"), store, func() {
		r.sql(`insert into orders (customer) select 'late' from generate_series(1, 10); update odd set f = 1; select nextval('drawn'), nextval('numbers');
			create view made_since as select 1 as one`)
		empty := exec.Command("docker", "exec", r.container, "psql", "-XqU", "shop", "-d", "shop", "-c", "set lock_timeout = '200ms'; truncate orders")
		require.Error(t, empty.Run(), "that is not seen by transactions, but done to them")
	})
	require.Equal(t, before, facts)
	require.NotEqual(t, before, r.factsOf(r.item("shop")), "what came after")
	require.Equal(t, want, r.factsOf(r.item("")))
	require.True(t, part.Transaction)
	require.False(t, part.Held.IsZero())
	require.Empty(t, server.Gaps)
	require.Empty(t, part.Gaps)

	rows := read(t, store, part, "table/public.orders")
	require.Equal(t, 500, strings.Count(rows, "\n"))
	require.Contains(t, rows, "7\tcustomer 7\t7.70\t2024-03-31 09:30:00+00\n")
	definitions := read(t, store, part, "schema.sql")
	require.Contains(t, definitions, `CREATE TABLE "public"."orders"`)
	require.NotContains(t, definitions, "restrict ")
	require.NotContains(t, definitions, "made_since")
	require.Contains(t, read(t, store, server, "globals.sql"), `CREATE ROLE "clerk"`)
	require.Contains(t, read(t, store, part, "large-object-pages"), `4711`)
}

// Between Hold and Finish the data directory is captured: what the transaction
// shares with other connections would be a file in it, and a restore that has
// nothing to do would stop the server for that. It fails if Hold exports.
func TestHoldLeavesNothingInTheDataDirectory(t *testing.T) {
	r := newRig(t)
	r.sql("create table t (n int)")
	r.ws.Dumps = "always"
	part, _ := r.capture(r.item("shop"), newChunks(), func() {
		require.Empty(t, r.sql("select pg_ls_dir('pg_snapshots')"))
	})
	_, ok := part.Object("schema.sql")
	require.True(t, ok)
}

func TestSecondCaptureAddsNothing(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	store := newChunks()
	first, facts := r.capture(r.item("shop"), store, nil)
	added := store.added
	r.sql("vacuum full odd; checkpoint")
	second, same := r.capture(r.item("shop"), store, nil)
	require.Equal(t, facts, same)
	require.Equal(t, first.Objects, second.Objects)
	require.Equal(t, added, store.added)
}

func TestDumpsAsWanted(t *testing.T) {
	r := newRig(t)
	r.sql("create table t (n int)")
	r.ws.Dumps = "never"
	never, facts := r.capture(r.item("shop"), newChunks(), nil)
	require.Len(t, never.Objects, 2)
	require.Len(t, never.Gaps, 1)
	require.Equal(t, "dump", never.Gaps[0].What)
	r.ws.Dumps = "always"
	always, same := r.capture(r.item("shop"), newChunks(), nil)
	require.Equal(t, facts, same, "facts do not depend on the dump")
	_, ok := always.Object("table/public.t")
	require.True(t, ok)
}

// Somebody in the middle of a migration holds a lock that nobody else can
// have. A frozen workspace must not wait for it.
func TestHoldDoesNotWaitForLocks(t *testing.T) {
	r := newRig(t)
	r.sql("create table t (n int)")
	migration := exec.Command("docker", "exec", r.container, "psql", "-XqU", "shop", "-d", "shop", "-c",
		"begin; lock table t in access exclusive mode; select pg_sleep(600)")
	require.NoError(t, migration.Start())
	locks := func() string {
		return r.sql("select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted and relation = 't'::regclass")
	}
	testbed.Eventually(t, time.Minute, "the table is locked", func() bool { return locks() == "1" })

	capture, err := r.driver.Open(t.Context(), r.ws, r.item("shop"), newChunks())
	require.NoError(t, err)
	defer func() { require.NoError(t, capture.Close()) }()
	require.NoError(t, capture.(kind.Holder).Hold(t.Context()))
	require.NoError(t, capture.Take(t.Context()))
	require.Equal(t, "1", locks())

	r.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()")
	require.Error(t, migration.Wait())
	part, err := capture.Finish(t.Context())
	require.NoError(t, err)
	require.Contains(t, collect(t, part.ID, part.Facts), "shop: table public.t")
	require.Len(t, part.Gaps, 1)
	testbed.Eventually(t, 10*time.Second, "we have left the server, which may be told to stop", func() bool {
		return r.sql("select count(*) from pg_stat_activity where application_name = 'dogear'") == "0"
	})
}

func TestServerThatCannotBeAsked(t *testing.T) {
	r := newRig(t)
	r.sql("create table t (n int)")
	running := r.items
	store := newChunks()
	part, _ := r.capture(r.item("shop"), store, nil)
	waitHealthy := func(part kind.Part, limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return r.driver.WaitHealthy(ctx, r.ws, part, store)
	}
	require.NoError(t, waitHealthy(part, time.Minute))

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
		require.Contains(t, silent.Gaps[0].Why, state.why)
		require.NoError(t, waitHealthy(silent, time.Minute), "it was not running when it was captured")
		require.ErrorIs(t, waitHealthy(part, 300*time.Millisecond), kind.ErrNotRunning, state.name)
		testbed.Docker(t, state.start, r.container)
		require.NoError(t, waitHealthy(part, time.Minute), state.name)
	}

	// Without what it said the last time, a stopped server is still known by
	// its files.
	testbed.Docker(t, "stop", r.container)
	clear(r.ws.Cache.(memory))
	r.find()
	require.Equal(t, []kind.Item{running[0]}, r.items)
}

func TestDatabaseThatIsGone(t *testing.T) {
	r := newRig(t)
	r.sql("create database other")
	r.find()
	item := r.item("other")
	r.sql("drop database other")
	_, err := first(r.driver.Inspect(t.Context(), r.ws, item))
	require.ErrorIs(t, err, kind.ErrGone)
	_, err = r.driver.Open(t.Context(), r.ws, item, newChunks())
	require.ErrorIs(t, err, kind.ErrGone)
}

func read(t *testing.T, store *chunks, part kind.Part, name string) string {
	t.Helper()
	object, ok := part.Object(name)
	require.True(t, ok, "%s is not among %v", name, slices.Collect(names(part)))
	all, err := content.ReadAll(t.Context(), store, object)
	require.NoError(t, err)
	return string(all)
}

func names(part kind.Part) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, o := range part.Objects {
			if !yield(o.Name) {
				return
			}
		}
	}
}

func first(facts kind.Facts) (kind.Fact, error) {
	for fact, err := range facts {
		return fact, err
	}
	return kind.Fact{}, nil
}
