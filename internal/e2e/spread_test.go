package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// P1: the write-ahead log and a tablespace on volumes of their own belong to the
// same instant as the data directory, and come back with it. Without the log's
// own volume the server does not start, or loses what no checkpoint has
// written; without claims on both (claims) idle servers would differ.
func TestServerOnThreeVolumes(t *testing.T) {
	t.Parallel()
	testbed.Require(t, "git", "docker", "postgres")
	data, log, space := testbed.Volume(t), testbed.Volume(t), testbed.Volume(t)
	r := rigOn(t, &testbed.Shop{Dir: t.TempDir()})
	require.NoError(t, os.WriteFile(filepath.Join(r.Dir, "notes"), nil, 0o600))
	db := testbed.Container(t, "bookworm", []string{
		"--network=none", "--volume=" + data + ":/srv/data", "--volume=" + log + ":/srv/log", "--volume=" + space + ":/srv/space",
		"--label=com.docker.compose.project=" + data, "--label=com.docker.compose.service=db",
		"--label=com.docker.compose.project.working_dir=" + r.Dir,
		"--env=PGDATA=/srv/data/main", "--env=POSTGRES_USER=shop", "--stop-signal=SIGINT", "--entrypoint=/bin/bash",
	}, "-c", `as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }; install -d -m 700 -o postgres $PGDATA /srv/log/wal /srv/space/one
		[ -s $PGDATA/PG_VERSION ] || as initdb --username=shop --auth=trust --no-sync --waldir=/srv/log/wal >/dev/null; exec setpriv --reuid=postgres --regid=postgres --clear-groups postgres -c fsync=off`)
	answers := func() bool {
		return testbed.Exec(t, db, "sh", "-c", "psql -U shop -d postgres -Atc 'select 1' 2>/dev/null || true") == "1"
	}
	testbed.Eventually(t, time.Minute, "the server answers", answers)
	sql := func(statements string) string {
		return testbed.RunInput(t, statements, "docker", "exec", "-i", db, "psql", "-XAtqU", "shop", "-v", "ON_ERROR_STOP=1", "-d", "postgres")
	}
	sql("create tablespace far location '/srv/space/one'")
	sql(`create extension amcheck; create table near (n int primary key); create table away (n int primary key using index tablespace far) tablespace far;
		insert into near select generate_series(1, 1000)`)
	sql("checkpoint; insert into away select generate_series(1, 1000)") // that is in the log alone

	saved := r.json(done, "save")
	require.Contains(t, r.dogear(done, "show", "latest"), "volume/"+log)
	sql("delete from away; drop table near; checkpoint; select pg_switch_wal(); checkpoint; create table later (n int)")
	r.json(done, "restore", saved.Snapshot.ID).proven(t)
	testbed.Eventually(t, time.Minute, "the server answers", answers)
	require.Equal(t, "1000|1000", sql("select (select count(*) from near), (select count(*) from away)"))
	sql("select bt_index_check(c.oid, true) from pg_class c join pg_am a on a.oid = c.relam where a.amname = 'btree'") // it raises what is wrong
	require.Equal(t, "/srv/log/wal", testbed.Exec(t, db, "readlink", "/srv/data/main/pg_wal"))
	sql("vacuum full away")
	sql("checkpoint")
	require.Empty(t, r.json(done, "status").Differences, "a server that writes its files anew is the same")
}
