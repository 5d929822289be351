package volume_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
	"dogear/kind/volume"
)

// ways are the two ways to the engine's data directory.
func ways(t *testing.T, test func(t *testing.T, engines *docker.Connector)) {
	t.Helper()
	testbed.Require(t, "docker")
	for name, options := range map[string]docker.Options{
		"root": {CourierBinary: courierBinary(t)}, "courier": {AlwaysCourier: true, CourierBinary: courierBinary(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testbed.Require(t, "root") // to change what is in the volume
			engines := docker.NewConnector(options)
			t.Cleanup(func() { require.NoError(t, engines.Close()) })
			test(t, engines)
		})
	}
}

func courierBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "courier")
	build := exec.Command("go", "build", "-o", path, filepath.Join(testbed.Root(t), "internal/docker/testdata/courier"))
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// found is a container that mounts the volume, as its driver finds it.
func found(name string) []kind.Item {
	return []kind.Item{{ID: kind.ID{Kind: "container", Name: "c"}, Needs: []kind.ID{{Kind: "volume", Name: name}}}}
}

// TestConforms (D7): what differs is patched, so that a volume is the same one
// afterwards, with its labels.
func TestConforms(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, engines *docker.Connector) {
		name := testbed.Volume(t, "--label", "team=a")
		data := testbed.Docker(t, "volume", "inspect", "--format", "{{.Mountpoint}}", name)
		kindtest.PlantTree(t, filepath.Join(data, "planted"))
		kindtest.Run(t, kindtest.Harness{
			Driver:    volume.New(engines),
			Workspace: kindtest.Workspace(t.TempDir()),
			Found:     found(name),
			Item:      kind.ID{Kind: "volume", Name: name},
			Witness:   func(t *testing.T) any { return kindtest.Inodes(t, data) },
			Mutations: kindtest.TreeMutations(data, "planted", func(path string) string { return "/" + path }),
			Remove:    func(t *testing.T) { testbed.Docker(t, "volume", "rm", name) },
		})
	})
}

// TestClaimedFiles are left to who claims them, except at rest.
func TestClaimedFiles(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, engines *docker.Connector) {
		name := testbed.Volume(t)
		data := testbed.Docker(t, "volume", "inspect", "--format", "{{.Mountpoint}}", name)
		require.NoError(t, os.MkdirAll(filepath.Join(data, "base"), 0o700))
		table := filepath.Join(data, "base", "1")
		require.NoError(t, os.WriteFile(table, []byte("before"), 0o600))
		kindtest.Run(t, kindtest.Harness{
			Driver:    volume.New(engines),
			Workspace: kindtest.Workspace(t.TempDir()),
			Found:     found(name),
			Item:      kind.ID{Kind: "volume", Name: name},
			Complete: func(item kind.Item) kind.Item {
				item.Claimed = []kind.Pattern{"base"}
				return item
			},
			Mutations: []kindtest.Mutation{{
				Name: "table", Want: kindtest.Nothing(), WantRest: map[string]string{"/base/1": "mtime sha256"},
				Do: func(t *testing.T) { require.NoError(t, os.WriteFile(table, []byte("b3fore"), 0o600)) },
			}},
		})
	})
}

// TestInside: one directory comes back, and nothing else does.
func TestInside(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, engines *docker.Connector) {
		name := testbed.Volume(t)
		data := testbed.Docker(t, "volume", "inspect", "--format", "{{.Mountpoint}}", name)
		write := func(content string) {
			for _, file := range []string{"conf/app.yaml", "base/1", "other"} {
				require.NoError(t, os.MkdirAll(filepath.Join(data, filepath.Dir(file)), 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(data, file), []byte(content), 0o600))
			}
		}
		read := func(file string) string {
			content, err := os.ReadFile(filepath.Join(data, file))
			require.NoError(t, err)
			return string(content)
		}
		write("before")
		d, ws, store := volume.New(engines), kindtest.Workspace(t.TempDir()), kindtest.NewMemory()
		part := captureItem(t, d, ws, kind.Item{ID: kind.ID{Kind: "volume", Name: name}, Claimed: []kind.Pattern{"base/*"}}, store)
		write("later")
		inner := part
		inner.Inside = []string{"/conf/"}
		change, err := d.Preview(t.Context(), ws, inner, store)
		require.NoError(t, err)
		require.Equal(t, []string{"rewrite conf/app.yaml"}, change.Details)
		require.NoError(t, d.Restore(t.Context(), ws, inner, store))
		require.Equal(t, []string{"before", "later", "later"}, []string{read("conf/app.yaml"), read("base/1"), read("other")})
		left, err := d.Narrow(t.Context(), ws, inner, store)
		require.NoError(t, err)
		require.False(t, left.Leaves("/conf/app.yaml"))
		require.True(t, left.Leaves("/other"))

		require.NoError(t, d.HasInside(t.Context(), part, store, "conf/*.yaml"))
		require.ErrorContains(t, d.HasInside(t.Context(), part, store, "conf/none"), "the snapshot has no conf/none in it")
		require.ErrorContains(t, d.HasInside(t.Context(), part, store, "base/1"), "needs those beside it")
		require.NoError(t, d.HasInside(t.Context(), part, store, "base"))
	})
}

// TestOfOthers (D8) is not written to while a stranger's container runs with it.
func TestOfOthers(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, engines *docker.Connector) {
		name := testbed.Volume(t)
		d, ws, store := volume.New(engines), kindtest.Workspace(t.TempDir()), kindtest.NewMemory()
		part := capture(t, d, ws, name, store)
		user := testbed.Container(t, "busybox", []string{"-v", name + ":/v"}, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
		require.NoError(t, d.Restore(t.Context(), ws, part, store), "nothing differs")
		testbed.Exec(t, user, "touch", "/v/new")
		require.ErrorContains(t, d.Restore(t.Context(), ws, part, store), user)
		change, err := d.Preview(t.Context(), ws, part, store)
		require.NoError(t, err)
		require.Len(t, change.Conflicts, 1, "found at planning")
		require.Contains(t, change.Conflicts[0], user)
	})
}

// TestElsewhere captures what driver options put outside the engine's data
// directory, and makes such a volume again (D6): the directory of the engine
// looks empty, so it is read by a container that mounts the volume by name.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, engines *docker.Connector) {
		dir := t.TempDir()
		options := []string{"-o", "type=none", "-o", "o=bind", "-o", "device=" + dir, "--label", "team=a"}
		name := testbed.Volume(t, options...)
		kindtest.PlantTree(t, filepath.Join(dir, "planted"))
		d, ws, store := volume.New(engines), kindtest.Workspace(t.TempDir()), kindtest.NewMemory()
		part := capture(t, d, ws, name, store)
		require.Empty(t, part.Gaps)
		want := kindtest.Collect(t, d.InspectRest(t.Context(), ws, part.Item()))
		require.Greater(t, len(want), 10)

		require.NoError(t, os.RemoveAll(filepath.Join(dir, "planted")))
		require.NoError(t, d.Remove(t.Context(), ws, part.Item()))
		change, err := d.Preview(t.Context(), ws, part, store)
		require.NoError(t, err)
		require.Equal(t, kind.ActionCreate, change.Action)
		require.Empty(t, change.Conflicts)
		require.NoError(t, d.Restore(t.Context(), ws, part, store))
		require.Equal(t, want, kindtest.Collect(t, d.InspectRest(t.Context(), ws, part.Item())))
		require.Equal(t, want, kindtest.Collect(t, d.Rest(t.Context(), part, store)))
		require.Equal(t, dir, testbed.Docker(t, "volume", "inspect", "--format", "{{.Options.device}}", name))
		require.DirExists(t, filepath.Join(dir, "planted"), "not in a directory of the engine")
		require.Empty(t, testbed.Docker(t, "ps", "--all", "--quiet", "--filter", "volume="+name), "who read it is gone")
	})
}

// TestOwnMount (D6) reads a volume on a mount of its own: the courier mounts the
// data directory without what is mounted below, where that volume looks empty.
func TestOwnMount(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, engines *docker.Connector) {
		name := testbed.Volume(t)
		data := testbed.Docker(t, "volume", "inspect", "--format", "{{.Mountpoint}}", name)
		testbed.Run(t, "mount", "-t", "tmpfs", "none", data)
		t.Cleanup(func() { testbed.Unmount(t, data) })
		file := filepath.Join(data, "file")
		require.NoError(t, os.WriteFile(file, []byte("kept"), 0o600))
		d, ws, store := volume.New(engines), kindtest.Workspace(t.TempDir()), kindtest.NewMemory()
		part := capture(t, d, ws, name, store)
		require.NoError(t, os.WriteFile(file, []byte("lost"), 0o600))
		require.NoError(t, d.Restore(t.Context(), ws, part, store))
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, "kept", string(content))
	})
}

// TestInWorkspace (D6) leaves a directory of the workspace that is a volume, too,
// to the item that has it, so that it is captured once.
func TestInWorkspace(t *testing.T) {
	t.Parallel()
	testbed.Require(t, "docker")
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "data"), 0o700))
	name := testbed.Volume(t, "-o", "type=none", "-o", "o=bind", "-o", "device="+filepath.Join(root, "data"))
	d, ws, store := volume.New(engines), kindtest.Workspace(root), kindtest.NewMemory()
	owner := kind.Item{ID: kind.ID{Kind: "files", Name: "."}, Root: root}
	items, err := d.Find(t.Context(), ws, append(found(name), owner))
	require.NoError(t, err)
	require.Len(t, items, 1)
	require.Equal(t, []kind.ID{owner.ID}, items[0].Needs)
	part := captureItem(t, d, ws, items[0], store)
	require.Empty(t, part.Gaps)
	require.Len(t, part.Objects, 1, "settings alone")
	require.NoError(t, d.Remove(t.Context(), ws, items[0]))
	require.NoError(t, d.Restore(t.Context(), ws, part, store))
}

// TestInMemory says that the content of such a volume is not captured, and
// makes it again empty (D6, D18): what is in memory is gone when all stop.
func TestInMemory(t *testing.T) {
	t.Parallel()
	testbed.Require(t, "docker")
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	name := testbed.Volume(t, "-o", "type=tmpfs", "-o", "device=tmpfs")
	d, ws, store := volume.New(engines), kindtest.Workspace(t.TempDir()), kindtest.NewMemory()
	part := capture(t, d, ws, name, store)
	require.Len(t, part.Gaps, 1)
	require.Equal(t, "content", part.Gaps[0].What)
	require.NoError(t, d.Remove(t.Context(), ws, part.Item()))
	require.NoError(t, d.Restore(t.Context(), ws, part, store))
	require.Equal(t, "tmpfs", testbed.Docker(t, "volume", "inspect", "--format", "{{.Options.type}}", name))
}

func capture(t *testing.T, d *volume.Driver, ws *kind.Workspace, name string, store *kindtest.Memory) kind.Part {
	t.Helper()
	return captureItem(t, d, ws, kind.Item{ID: kind.ID{Kind: "volume", Name: name}}, store)
}

func captureItem(t *testing.T, d *volume.Driver, ws *kind.Workspace, item kind.Item, store *kindtest.Memory) kind.Part {
	t.Helper()
	c, err := d.Open(t.Context(), ws, item, store)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.Take(t.Context()))
	part, err := c.Finish(t.Context())
	require.NoError(t, err)
	kindtest.Collect(t, part.Facts)
	return part
}

// TestPluginGone (D6): that the plugin is not there which a volume needs is found
// in the plan. It would be found when others are restored already. No plugin is
// started for it: an engine never forgets one, and from then on waits for it
// whenever it is asked for a volume that it does not know.
func TestPluginGone(t *testing.T) {
	t.Parallel()
	testbed.Require(t, "docker", "root")
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	name := testbed.Volume(t)
	d, ws, store := volume.New(engines), kindtest.Workspace(t.TempDir()), kindtest.NewMemory()
	part := capture(t, d, ws, name, store)
	require.NoError(t, d.Remove(t.Context(), ws, part.Item()))
	conflicts := func(driver string) []string {
		t.Helper()
		for i, o := range part.Objects {
			if o.Name != "settings" {
				continue
			}
			said, err := content.PutJSON(t.Context(), store, o.Name, docker.Volume{Name: name, Driver: driver})
			require.NoError(t, err)
			part.Objects[i] = said
		}
		change, err := d.Preview(t.Context(), ws, part, store)
		require.NoError(t, err)
		return change.Conflicts
	}
	require.Empty(t, conflicts("local"))
	require.Equal(t, []string{"its volume plugin dogear-test-none is not there: install or start it"}, conflicts("dogear-test-none"))
}
