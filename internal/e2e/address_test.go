package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// A database that dogear.yaml names by an address of another machine: nothing
// is written there without being asked for; one that was dropped comes back;
// what a restore has kept in the server goes with the undo. Fails if Change has
// no Remote, if Find lists what the server does not have, and if prune does not
// release what was kept. And if a restore that fails brings back what an earlier
// one has kept (restore.Rollback), or all of a database for one table (takesBack).
func TestDatabaseOnAnotherMachine(t *testing.T) {
	testbed.Require(t, "git")
	server := testbed.Postgres(t)
	address := testbed.Docker(t, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", server.Container)
	sql := func(statements string) string {
		return testbed.RunInput(t, statements, "docker", "exec", "-i", server.Container, "psql", "-XAtqU", "shop", "-v", "ON_ERROR_STOP=1", "-d", "postgres")
	}
	_, rest, _ := strings.Cut(server.DSN, "//")
	secret, _, _ := strings.Cut(rest, "@")
	_, password, _ := strings.Cut(secret, ":")
	t.Setenv("SHOP_PASSWORD", password)
	r := rigOn(t, &testbed.Shop{Dir: t.TempDir()})
	require.NoError(t, os.WriteFile(filepath.Join(r.Dir, "dogear.yaml"), []byte(
		"postgres: {servers: {staging: {dsn: 'postgres://shop:${SHOP_PASSWORD}@"+address+"/shop', databases: [shop, missing]}}}\n"), 0o600))
	testbed.SQL(t, server.Container, `create table t (n int primary key); insert into t select generate_series(1, 10);
		create table a (n int primary key); create table b (n int references a); insert into a values (1); insert into b values (1)`)

	first := r.json(done, "save")
	require.Contains(t, first.notCaptured(), "postgres/staging/missing")
	require.NotContains(t, first.notCaptured(), "postgres/staging/shop")
	testbed.SQL(t, server.Container, "delete from t")
	refused := r.json(failed, "restore", first.Snapshot.ID)
	require.Contains(t, refused.Error.Message, address)
	require.Contains(t, refused.Error.Message, "--yes-remote")
	require.Equal(t, "0", testbed.SQL(t, server.Container, "select count(*) from t"))
	r.json(done, "restore", first.Snapshot.ID, "--yes-remote").proven(t)
	require.Equal(t, "10", testbed.SQL(t, server.Container, "select count(*) from t"))

	kept := "select count(*) from pg_database where datname like '%dogear%'"
	sql("drop database shop")
	r.json(done, "restore", first.Snapshot.ID, "--yes-remote").proven(t)
	require.Equal(t, "10", testbed.SQL(t, server.Container, "select count(*) from t"))
	r.json(failed, "undo")
	r.json(done, "undo", "--yes-remote")
	require.Equal(t, "0", sql("select count(*) from pg_database where datname = 'shop'"))
	r.json(done, "undo", "--yes-remote").proven(t)

	testbed.SQL(t, server.Container, "delete from t")
	last := r.json(done, "restore", first.Snapshot.ID, "--yes-remote")

	// A restore that is cut off while it loads is taken back to what is there, not
	// to what the last one has kept.
	testbed.SQL(t, server.Container, "delete from t where n = 1")
	cutter := exec.Command("docker", "exec", server.Container, "psql", "-XqU", "shop", "-d", "postgres", "-c", `do $$ begin loop
		perform pg_terminate_backend(pid) from pg_stat_activity where datname like '%dogear_new'; exit when found;
		perform pg_stat_clear_snapshot(), pg_sleep(0.001); end loop; end $$`)
	require.NoError(t, cutter.Start())
	names := "select string_agg(datname, ' ' order by datname) from pg_database"
	before := sql(names)
	cut := r.json(failed, "restore", first.Snapshot.ID, "--yes-remote")
	require.NoError(t, cutter.Wait())
	require.Contains(t, cut.Error.Message, "terminating connection")
	require.Equal(t, "9", testbed.SQL(t, server.Container, "select count(*) from t"))
	require.Equal(t, before, sql(names), "what the last one has kept")
	r.json(done, "undo", "--yes-remote").proven(t)
	require.Equal(t, "0", testbed.SQL(t, server.Container, "select count(*) from t"))
	last = r.json(done, "undo", "--yes-remote")
	require.Equal(t, "9", testbed.SQL(t, server.Container, "select count(*) from t"))
	r.dogear(done, "prune")
	require.Equal(t, "1", sql(kept), "it can still be undone")
	r.dogear(done, "rm", "--force", last.Safety)
	r.dogear(done, "prune")
	require.Equal(t, "0", sql(kept))
	require.Equal(t, "9", testbed.SQL(t, server.Container, "select count(*) from t"))

	// A table that cannot be had alone: nothing was done, and nothing is taken back.
	testbed.SQL(t, server.Container, "delete from b; delete from a")
	alone := r.json(failed, "restore", first.Snapshot.ID, "--only", "postgres/staging/shop:public.b", "--yes-remote")
	require.Contains(t, alone.Error.Message, "would be broken")
	require.Equal(t, "0", sql(kept))
	require.Equal(t, "0", testbed.SQL(t, server.Container, "select count(*) from b"))
}
