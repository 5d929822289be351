package postgres_test

import (
	"encoding/json"
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
		create role reader login password 'one'; grant select on t to reader`)
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

	// A lock that is held for ever: who has it is said. It fails without nameHolders.
	holder := exec.Command("docker", "exec", "--env=PGAPPNAME=migration", r.container, "psql", "-XqU", "shop", "-d", "shop", "-c",
		`begin; lock table "Strange ""name""; ünï" in access exclusive mode; select pg_sleep(600)`)
	require.NoError(t, holder.Start())
	testbed.Eventually(t, time.Minute, "the table is locked", func() bool {
		return r.sql("select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted") != "0"
	})
	err := finish(func() {})
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
