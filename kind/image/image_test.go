package image_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/image"
	"dogear/kind/kindtest"
)

// ownImage makes an image that no other has layers of, and returns its
// reference and a function that makes it once more, different.
func ownImage(t *testing.T) (reference string, anew func(t *testing.T)) {
	t.Helper()
	testbed.Require(t, "docker")
	reference = testbed.Name("image") + ":v1"
	anew = func(t *testing.T) {
		t.Helper()
		name := testbed.Container(t, "busybox", nil, "sh", "-c", "head -c 100000 /dev/urandom > /bytes")
		testbed.Docker(t, "wait", name)
		testbed.Docker(t, "commit", "--change", "LABEL "+testbed.Label+"=1", name, reference)
	}
	anew(t)
	t.Cleanup(func() { testbed.Docker(t, "image", "rm", "--force", reference) })
	return reference, anew
}

// TestConforms (D15): an image that is gone comes back from the store with its id
// and its name; saved by id, the archive has none.
func TestConforms(t *testing.T) {
	reference, anew := ownImage(t)
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	kindtest.Run(t, kindtest.Harness{
		Driver:    image.New(engines),
		Workspace: kindtest.Workspace(t.TempDir()),
		Found:     []kind.Item{{ID: kind.ID{Kind: "container", Name: "c"}, Needs: []kind.ID{{Kind: "image", Name: reference}}}},
		Item:      kind.ID{Kind: "image", Name: reference},
		Mutations: []kindtest.Mutation{{
			Name: "reference means another image", Want: map[string]string{"id": "type"},
			Do: func(t *testing.T) {
				anew(t)
				other := testbed.Docker(t, "image", "inspect", "--format", "{{.Id}}", reference)
				t.Cleanup(func() { testbed.Docker(t, "image", "rm", "--force", other) })
			},
		}},
		Remove: func(t *testing.T) { testbed.Docker(t, "image", "rm", reference) },
	})
}

// TestStoredImageCostsALookup (D15): an image says by its id all that it is, so
// one that is in the store is not read from the engine again. What a capture
// remembers is asked of the store, not trusted.
func TestStoredImageCostsALookup(t *testing.T) {
	reference, _ := ownImage(t)
	var reads, lookups atomic.Int32
	t.Setenv("DOCKER_HOST", testbed.EngineProxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
		switch path.Base(r.URL.Path) {
		case "get":
			reads.Add(1)
		case "json":
			lookups.Add(1)
		}
		return false
	}))
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	d, ws, store := image.New(engines), kindtest.Workspace(t.TempDir()), kindtest.NewMemory()
	ws.Cache = kindtest.NewCache()
	capture := func(sink kind.Sink) kind.Part { return capture(t, d, ws, reference, sink) }
	first := capture(store)
	require.EqualValues(t, 1, reads.Load())
	lookups.Store(0)
	require.Equal(t, first.Objects, capture(store).Objects)
	require.EqualValues(t, 1, reads.Load())
	require.LessOrEqual(t, lookups.Load(), int32(2), "when it is opened, and at the instant")
	require.Equal(t, first.Objects, capture(kindtest.NewMemory()).Objects)
	require.EqualValues(t, 2, reads.Load(), "this store does not have it")
}

func capture(t *testing.T, d *image.Driver, ws *kind.Workspace, reference string, sink kind.Sink) kind.Part {
	t.Helper()
	c, err := d.Open(t.Context(), ws, kind.Item{ID: kind.ID{Kind: "image", Name: reference}}, sink)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.(kind.Preparer).Prepare(t.Context()))
	require.NoError(t, c.Take(t.Context()))
	part, err := c.Finish(t.Context())
	require.NoError(t, err)
	return part
}

// TestSharedLayersAreStoredOnce (D15): an engine gives out an image as one
// archive, with the layers in an order of its own. As that is cut where its
// content says so, a layer that the store has from another image adds next to
// nothing, wherever it comes. All images come back from what is stored once. With
// cuts at fixed places this fails unless the engine happens to give out the
// shared layer first each time.
func TestSharedLayersAreStoredOnce(t *testing.T) {
	const shared, own = 48 << 20, 100_000
	testbed.Require(t, "docker")
	layer := func(on string, bytes int) string {
		t.Helper()
		name, made := testbed.Name("container"), testbed.Name("image")+":v1"
		testbed.Docker(t, "run", "--name", name, testbed.LabelFlag(), on, "sh", "-c", fmt.Sprintf("head -c %d /dev/urandom > /%s", bytes, name))
		testbed.Docker(t, "commit", "--change", "LABEL "+testbed.Label+"=1", name, made)
		testbed.Docker(t, "rm", name)
		t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "--force", made).Run() }) // it may be gone
		return made
	}
	base := layer(testbed.Image(t, "busybox"), shared)
	references := []string{layer(base, own), layer(base, own), layer(base, own)}
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	d, ws, store := image.New(engines), kindtest.Workspace(t.TempDir()), kindtest.NewMemory()
	var parts []kind.Part
	var added []int
	have := make(map[kind.ChunkID]bool)
	for _, reference := range references {
		part, bytes := capture(t, d, ws, reference, store), 0
		for _, o := range part.Objects {
			for _, id := range o.Chunks {
				if !have[id] {
					chunk, err := store.Get(t.Context(), id, nil)
					require.NoError(t, err)
					bytes += len(chunk)
				}
				have[id] = true
			}
		}
		parts, added = append(parts, part), append(added, bytes)
	}
	require.Greater(t, added[0], shared)
	// It takes a few chunks until cuts fall where they did, at both ends of what differs.
	require.Less(t, added[1], shared/2)
	require.Less(t, added[2], shared/2)

	var ids []string
	for _, reference := range references {
		ids = append(ids, testbed.Docker(t, "image", "inspect", "--format", "{{.Id}}", reference))
	}
	testbed.Docker(t, append([]string{"image", "rm", base}, references...)...)
	for i, part := range parts {
		require.NoError(t, d.Restore(t.Context(), ws, part, store))
		require.Equal(t, ids[i], testbed.Docker(t, "image", "inspect", "--format", "{{.Id}}", references[i]))
	}
}

// TestAnotherPlatform: an image that was captured elsewhere, for processors that
// this engine does not have, is found in the plan, and not at the start of a
// container. Where it was captured it ran, emulated maybe.
func TestAnotherPlatform(t *testing.T) {
	reference, _ := ownImage(t)
	previewed := func(captured, restored string) []string {
		t.Helper()
		part, store := captureOn(t, captured, reference)
		d, ws := image.New(engineOn(t, restored)), kindtest.Workspace(t.TempDir())
		change, err := d.Preview(t.Context(), ws, part, store)
		require.NoError(t, err)
		return change.Conflicts
	}
	own := testbed.Docker(t, "info", "--format", "{{.Architecture}}")
	require.Empty(t, previewed(own, own))
	require.Empty(t, previewed("s390x", "s390x"), "it ran there")
	conflicts := previewed(own, "s390x")
	require.Len(t, conflicts, 1)
	require.Contains(t, conflicts[0], "this engine runs on linux/s390x")
}

// engineOn is the engine, as if its host were of another architecture.
func engineOn(t *testing.T, architecture string) *docker.Connector {
	t.Helper()
	t.Setenv("DOCKER_HOST", testbed.EngineProxy(t, func(answer http.ResponseWriter, r *http.Request) bool {
		if path.Base(r.URL.Path) != "info" {
			return false
		}
		raw := testbed.Docker(t, "--host", "unix:///var/run/docker.sock", "info", "--format", "{{json .}}")
		var info map[string]any
		if json.Unmarshal([]byte(raw), &info) != nil {
			return false
		}
		info["Architecture"] = architecture
		return json.NewEncoder(answer).Encode(info) == nil
	}))
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	_, err := engines.Engine(t.Context())
	require.NoError(t, err)
	return engines
}

func captureOn(t *testing.T, architecture, reference string) (kind.Part, *kindtest.Memory) {
	t.Helper()
	store := kindtest.NewMemory()
	return capture(t, image.New(engineOn(t, architecture)), kindtest.Workspace(t.TempDir()), reference, store), store
}
