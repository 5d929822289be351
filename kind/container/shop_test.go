package container_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
)

// TestShop restores a stack in which containers were removed, made anew and
// patched, with and without root. Compose finds nothing to do afterwards (D12):
// labels, image ids and networks are what it compares.
func TestShop(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, options docker.Options) {
		shop := testbed.NewShop(t)
		shop.Up()
		w := worldAt(t, shop.Dir, options)
		w.drivers = slices.DeleteFunc(w.drivers, func(d kind.Driver) bool { return d.Kind() == "image" }) // 670 MB, and nobody removes it
		anonymous, before := shop.AnonymousVolume(), shop.Containers()
		shop.Exec("web", "/app/shop", "health")
		parts := w.captureStopped()
		require.Contains(t, volumesOf(parts), anonymous)

		testbed.Docker(t, "rm", "--force", "--volumes", shop.Container("worker"))
		shop.Compose("up", "--detach", "--force-recreate", "--no-deps", "redis")
		testbed.Docker(t, "start", shop.Container("db"))
		testbed.Docker(t, "exec", "--user", "root", shop.Container("db"), "bash", "-c", "echo patched > /etc/motd; rm /etc/issue")
		w.restore(parts)
		requireNoChange(t, w, parts)
		after := shop.Containers()
		require.Equal(t, slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
		for _, service := range []string{"db", "web", "migrate"} {
			require.Equal(t, before[service], after[service], service)
		}

		shop.Compose("up", "--detach")
		require.Equal(t, after, shop.Containers(), "Compose has made containers anew")
	})
}

// captureStopped stops everything, as pause does, and captures it then.
func (w *world) captureStopped() []captured {
	w.t.Helper()
	return w.captureWith(func(_ []kind.ID, take func()) {
		w.stop()
		take()
	})
}

func volumesOf(parts []captured) []string {
	var names []string
	for _, p := range parts {
		if p.ID.Kind == "volume" {
			names = append(names, p.ID.Name)
		}
	}
	return names
}

// requireNoChange overlooks the files of the databases: there is nobody here
// to claim them.
func requireNoChange(t *testing.T, w *world, parts []captured) {
	t.Helper()
	differences := slices.DeleteFunc(w.differences(parts), func(d string) bool {
		return strings.Contains(d, "pgdata: /") || strings.Contains(d, "redisdata: /")
	})
	require.Empty(t, differences)
}

// TestSameProjectInTwoPlaces (D13) keeps two checkouts apart that have one name,
// by the directory that each was started in.
func TestSameProjectInTwoPlaces(t *testing.T) {
	t.Parallel()
	testbed.Require(t, "docker", "compose")
	here, there := t.TempDir(), t.TempDir()
	labels := func(dir string) []string {
		return []string{"--label", docker.LabelProject + "=app", "--label", docker.LabelWorkingDir + "=" + dir, "--label", docker.LabelService + "=web"}
	}
	mine := testbed.Container(t, "busybox", labels(here), idle()...)
	nested := testbed.Container(t, "busybox", labels(here+"/sub/dir"), idle()...)
	testbed.Container(t, "busybox", labels(there), idle()...)
	testbed.Container(t, "busybox", labels(here+"-beside"), idle()...)
	w := worldAt(t, here, docker.Options{AlwaysCourier: true})
	items, err := w.containers.Find(t.Context(), w.ws, nil)
	require.NoError(t, err)
	var names []string
	for _, item := range items {
		names = append(names, item.ID.Name)
	}
	require.ElementsMatch(t, []string{mine, nested}, names)
}

// TestNeighbours finds who writes to a volume of the workspace or lives in its
// network without being of it (D8): without the freeze of such a one the
// captured volume is of no one instant.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	volume, other := testbed.Volume(t), testbed.Volume(t)
	mine := started(t, "-v", volume+":/data")
	writer := started(t, "-v", volume+":/v")
	resident := started(t, "--network", "container:"+mine)
	started(t, "-v", volume+":/v:ro")
	started(t, "-v", other+":/v")
	frozen := started(t, "-v", volume+":/v")
	testbed.Docker(t, "pause", frozen)
	w := newWorld(t, docker.Options{}, mine)

	beside, err := w.containers.Neighbours(t.Context(), w.ws)
	require.NoError(t, err)
	found := make(map[string][]kind.ID)
	for _, n := range beside {
		found[n.ID.Name] = n.Needs
	}
	require.Equal(t, map[string][]kind.ID{writer: {{Kind: "volume", Name: volume}}, resident: nil}, found)
}
