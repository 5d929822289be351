package mysql_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
	"dogear/kind/volume"
)

// M1: a server writes FLOAT with six digits, which do not bring it back. As a
// DOUBLE it has all of them (column.expression).
func TestM1FloatsComeBackExactly(t *testing.T) {
	r := newRig(t)
	r.sql("CREATE TABLE t (f float, s float(7,3)); INSERT INTO t VALUES (16777216, 1.001), (1.2345678806, -0.5), (1e-45, 0), (3.4028234e38, NULL), (-0e0, 1234.567)")
	require.Contains(t, testbed.Exec(t, r.container, "mariadb-dump", "shop", "t"), "16777200", "the server's own dump loses digits")
	const look = "SELECT f * 1e0, s * 1e0 FROM t ORDER BY f"
	want := r.sql(look)
	store := kindtest.NewMemory()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql("UPDATE t SET f = 1")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, want, r.sql(look))
}

// M2: a dump has the present rows of a system-versioned table only. All rows of
// all times are read, and written with their times (table.query, loading).
func TestM2HistoryComesBack(t *testing.T) {
	r := newRig(t)
	r.sql("CREATE TABLE t (id int PRIMARY KEY, n int) WITH SYSTEM VERSIONING; INSERT INTO t VALUES (1, 1), (2, 1); UPDATE t SET n = 2 WHERE id = 1; DELETE FROM t WHERE id = 2; UPDATE t SET n = 3")
	const look = "SELECT id, n, row_start, row_end FROM t FOR SYSTEM_TIME ALL ORDER BY 1, 3"
	want := r.sql(look)
	require.Equal(t, 3, strings.Count(want, "\n"), "four rows, of which one is present")
	store := kindtest.NewMemory()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql("DELETE FROM t; DELETE HISTORY FROM t")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, want, r.sql(look))
	r.sql("DROP TABLE t")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, want, r.sql(look))
}

// writing makes a server in a container write all the time, until it is told to
// hold still.
const writing = `trap 'exit 0' TERM
while :; do
	mariadb shop -e "BEGIN; INSERT INTO orders (customer, total) SELECT seq, RAND() * 100 FROM seq_1_to_20; UPDATE old SET t = RAND(); UPDATE aria SET t = RAND(); COMMIT"
	while [ -e /tmp/still ]; do touch /tmp/stands; sleep 0.02; done
	rm -f /tmp/stands
done`

// M4: the files of a frozen server recover to the very state that the
// transactions saw, with its logs elsewhere, and a prepared transaction among
// them. With innodb_flush_log_at_trx_commit=0 they lack the last second unless it
// is waited for (awaitLog). Tables in memory are filled again, and skipped numbers
// stay skipped (Start).
func TestM4FrozenCopyRecovers(t *testing.T) {
	data, logs := testbed.Volume(t), testbed.Volume(t)
	r := rigOn(t, testbed.MariaDB(t, data, []string{"--volume=" + logs + ":/srv/logs"},
		"--log-bin=/srv/logs/change", "--innodb-log-group-home-dir=/srv/logs", "--aria-log-dir-path=/srv/logs"))
	r.sql(schema)
	r.sql("CREATE TABLE promised (id int PRIMARY KEY); XA START 'x'; INSERT INTO promised VALUES (1); XA END 'x'; XA PREPARE 'x'")
	testbed.Docker(t, "exec", "--detach", r.container, "sh", "-c", writing)
	r.ws.Dumps = "never" // the files alone
	for range testbed.Points(2) {
		testbed.Eventually(t, time.Minute, "it writes", func() bool { return r.sql("SELECT count(*) > 500 FROM orders") == "1" })
		f := r.freeze(data, logs)
		r.sql("DELETE FROM odd; DELETE FROM orders WHERE id < 200; DELETE FROM old; DELETE FROM sessions; TRUNCATE aria")
		testbed.Docker(t, "kill", r.container)
		f.restore()
		testbed.Docker(t, "start", r.container)
		testbed.WaitForMariaDB(t, r.container)
		for _, item := range r.items {
			require.NoError(t, r.driver.Start(t.Context(), r.ws, f.parts[item.ID.Name], f.store))
		}
		require.Empty(t, changed(f.facts, r.facts()))
		require.NotContains(t, testbed.Exec(t, r.container, "mariadb-check", "--databases", "shop"), "error")
		require.Equal(t, "1\t1\t0\tx", r.sql("XA RECOVER"))
		testbed.Docker(t, "exec", "--detach", r.container, "sh", "-c", "rm -f /tmp/still /tmp/stands; "+writing)
	}
	r.sql("XA COMMIT 'x'")
	require.Equal(t, "1", r.sql("SELECT count(*) FROM promised"))
}

// frozen is a server as it was when it was frozen.
type frozen struct {
	r       *rig
	files   *volume.Driver
	volumes map[string]kind.Part
	parts   map[string]kind.Part
	facts   map[string]string
	store   *kindtest.Memory
}

// freeze captures a server as the engine does: writers stand still, the
// transactions open, everything is frozen, the files are captured.
func (r *rig) freeze(volumes ...string) *frozen {
	r.Helper()
	ctx := r.Context()
	engines := docker.NewConnector(docker.Options{})
	r.Cleanup(func() { require.NoError(r, engines.Close()) })
	f := &frozen{r: r, files: volume.New(engines), volumes: map[string]kind.Part{}, parts: map[string]kind.Part{}, facts: map[string]string{}, store: kindtest.NewMemory()}
	testbed.Exec(r, r.container, "sh", "-c", "rm -f /tmp/stands; touch /tmp/still")
	testbed.Eventually(r, time.Minute, "the writer stands still", func() bool {
		return testbed.Exec(r, r.container, "sh", "-c", "ls /tmp/stands || true") != ""
	})
	files := map[string]kind.Capture{}
	for _, name := range volumes {
		item := kind.Item{ID: kind.ID{Kind: "volume", Name: name}}
		for _, claim := range r.items[0].Claims {
			if claim.On == item.ID {
				item.Claimed = claim.Paths
			}
		}
		c, err := f.files.Open(ctx, r.ws, item, f.store)
		require.NoError(r, err)
		defer func() { require.NoError(r, c.Close()) }()
		require.NoError(r, c.(kind.Preparer).Prepare(ctx))
		files[name] = c
	}
	captures := map[string]kind.Capture{}
	for _, item := range r.items {
		c, err := r.driver.Open(ctx, r.ws, item, f.store)
		require.NoError(r, err)
		require.NoError(r, c.(kind.Holder).Hold(ctx))
		captures[item.ID.Name] = c
	}
	testbed.Docker(r, "pause", r.container)
	for _, c := range files {
		require.NoError(r, c.Take(ctx))
	}
	testbed.Docker(r, "unpause", r.container)
	for name, c := range files {
		var err error
		f.volumes[name], err = c.Finish(ctx)
		require.NoError(r, err)
	}
	for _, item := range r.items {
		part, err := captures[item.ID.Name].Finish(ctx)
		require.NoError(r, err)
		part.RunsIn = item.RunsIn
		f.parts[item.ID.Name] = part
		for name, value := range collect(r, item.ID, part.Facts) {
			f.facts[name] = value
		}
		require.NoError(r, captures[item.ID.Name].Close())
	}
	return f
}

func (f *frozen) restore() {
	f.r.Helper()
	for name, part := range f.volumes {
		part.ID = kind.ID{Kind: "volume", Name: name}
		require.NoError(f.r, f.files.Restore(f.r.Context(), f.r.ws.Look(), part, f.store))
	}
}
