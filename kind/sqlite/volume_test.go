package sqlite

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// house is a volume with a database in it, that a program was killed over: what
// it wrote last is in the log only.
type house struct {
	*desk
	driver *Driver
	volume string
	data   string
}

// inVolumes runs a test with both ways into a volume.
func inVolumes(t *testing.T, test func(h *house)) {
	t.Helper()
	t.Parallel()
	testbed.Require(t, "docker", "root", "sqlite3")
	courier := filepath.Join(t.TempDir(), "courier")
	build := exec.Command("go", "build", "-o", courier, filepath.Join(testbed.Root(t), "internal/docker/testdata/courier"))
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	for name, options := range map[string]docker.Options{"root": {}, "courier": {AlwaysCourier: true, CourierBinary: courier}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engines := docker.NewConnector(options)
			t.Cleanup(func() { require.NoError(t, engines.Close()) })
			h := &house{driver: New(engines), volume: testbed.Volume(t)}
			h.data = testbed.Docker(t, "volume", "inspect", "--format", "{{.Mountpoint}}", h.volume)
			require.NoError(t, os.MkdirAll(filepath.Join(h.data, "in side"), 0o755))
			h.desk = &desk{T: t, ws: kindtest.Workspace(t.TempDir()), store: kindtest.NewMemory(), path: filepath.Join(h.data, "in side", "app[1].store")}
			h.open("PRAGMA journal_mode=wal; PRAGMA wal_autocheckpoint=0; CREATE TABLE big(x); INSERT INTO big VALUES (zeroblob(2000000)); " + rows).kill(t)
			test(h)
		})
	}
}

func (h *house) id() kind.ID { return kind.ID{Kind: volumeKind, Name: h.volume} }

func (h *house) find() []kind.Item {
	h.Helper()
	items, err := h.driver.Find(h.Context(), h.ws.Look(), []kind.Item{{ID: h.id()}})
	require.NoError(h, err)
	return items
}

func (h *house) capture() (kind.Part, map[string]string) {
	h.Helper()
	items := h.find()
	require.Len(h, items, 1)
	return take(h.desk, h.driver, items[0])
}

func (h *house) facts() map[string]string {
	h.Helper()
	return collect(h.T, h.driver.Inspect(h.Context(), h.ws.Look(), h.find()[0]))
}

// A database in a volume is found by its header, looked at without being
// changed, and restored alone like any other (newItem, housed).
func TestDatabaseInAVolume(t *testing.T) {
	inVolumes(t, func(h *house) {
		other := kind.Item{ID: kind.ID{Kind: "postgres", Name: "db"}, Claims: []kind.Claim{{On: h.id(), Paths: []kind.Pattern{"theirs"}}}}
		require.NoError(t, os.MkdirAll(filepath.Join(h.data, "theirs"), 0o755))
		for _, name := range []string{"theirs/x.db", "x.pid"} { // claimed by others, and volatile
			testbed.Run(h, "sqlite3", filepath.Join(h.data, name), "CREATE TABLE t(x)")
		}
		change := func(statement string, want map[string]string) kindtest.Mutation {
			return kindtest.Mutation{Name: statement, Want: want, Do: func(*testing.T) { h.sql(statement) }}
		}
		kindtest.Run(h.T, kindtest.Harness{
			Driver: h.driver, Workspace: h.ws, Found: []kind.Item{{ID: h.id()}, other},
			Item:    kind.ID{Kind: Kind, Name: "volume/" + h.volume + "/in side/app[1].store"},
			Witness: func(t *testing.T) any { return contents(t, h.data) },
			Growth:  128 << 10,
			Mutations: []kindtest.Mutation{
				change("INSERT INTO t VALUES (501)", map[string]string{"table t": "value"}),
				change("CREATE VIEW v AS SELECT 1", map[string]string{"schema view v": "added"}),
			},
			Remove: func(t *testing.T) { require.NoError(t, os.Remove(h.path)) },
		})
		items, err := h.driver.Find(h.Context(), h.ws.Look(), []kind.Item{{ID: h.id()}, other})
		require.NoError(h, err)
		require.Len(h, items, 1)
	})
}

// S2, in a volume: what lies beside the file and belongs to another state goes
// (Options.Within has it, the manifest has not), and nothing else is touched.
func TestS2StaleLogGoesInAVolume(t *testing.T) {
	inVolumes(t, func(h *house) {
		require.NoError(h, os.WriteFile(filepath.Join(h.data, "in side", "note"), []byte("mine"), 0o600))
		part, facts := h.capture()
		require.Equal(h, facts, h.facts())
		require.Contains(h, facts["table t"], "500 rows")
		require.NoError(h, os.Chmod(h.path, 0o604))
		h.open("PRAGMA wal_autocheckpoint=0; INSERT INTO t VALUES (501)").kill(h.T)
		require.FileExists(h, h.path+"-wal")
		require.NotEqual(h, facts, h.facts())
		live := kind.State{Part: kind.Part{ID: part.ID, Needs: part.Needs, Claims: part.Claims}}
		for e, err := range h.driver.Explain(h.Context(), h.ws.Look(), kind.State{Part: part, Source: h.store}, live, kind.Explaining{Details: true}) {
			require.NoError(h, err)
			require.Equal(h, []string{"+ rowid=501"}, e.Lines)
		}
		require.NoError(h, h.driver.Restore(h.Context(), h.ws.Look(), part, h.store))
		require.Equal(h, "500", h.sql("SELECT count(*) FROM t"))
		require.Equal(h, facts, h.facts())
		info, err := os.Stat(h.path)
		require.NoError(h, err)
		require.Equal(h, os.FileMode(0o604), info.Mode(), "the live file's attributes stay")
		require.FileExists(h, filepath.Join(h.data, "in side", "note"))

		part.Inside = []string{"t"}
		h.sql("DELETE FROM t; CREATE TABLE kept(x)")
		require.NoError(h, h.driver.Restore(h.Context(), h.ws.Look(), part, h.store))
		require.Equal(h, "500|0", h.sql("SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM kept)"))
	})
}

// S5, in a volume: a database that a container may have open is not replaced
// (housed.place, obstacles).
func TestS5VolumeInUseIsNotTouched(t *testing.T) {
	inVolumes(t, func(h *house) {
		part, _ := h.capture()
		user := testbed.Container(h, "busybox", []string{"-v", h.volume + ":/v"}, "sleep", "600")
		h.sql("DELETE FROM t")
		change, err := h.driver.Preview(h.Context(), h.ws.Look(), part, h.store)
		require.NoError(h, err)
		require.Len(h, change.Conflicts, 1)
		require.Contains(h, change.Conflicts[0], user)
		home, err := h.driver.homeOf(h.Context(), h.ws, part.Item())
		require.NoError(h, err)
		c, err := home.copy(h.Context())
		require.NoError(h, err)
		defer func() { require.NoError(h, c.remove()) }()
		require.ErrorContains(h, home.place(h.Context(), c, owner{}), user)
		require.Equal(h, "0", h.sql("SELECT count(*) FROM t"))

		testbed.Docker(h, "rm", "--force", user)
		p := h.open("SELECT 1")
		change, err = h.driver.Preview(h.Context(), h.ws.Look(), part, h.store)
		require.NoError(h, err)
		require.Len(h, change.Conflicts, 1)
		require.Contains(h, change.Conflicts[0], "it is open in sqlite3")
		p.kill(h.T)
		require.NoError(h, os.Link(h.path, h.path+"2"))
		change, err = h.driver.Preview(h.Context(), h.ws.Look(), part, h.store)
		require.NoError(h, err)
		require.Len(h, change.Conflicts, 1)
		require.Contains(h, change.Conflicts[0], "2 names")
	})
}
