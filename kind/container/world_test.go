package container_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/container"
	"dogear/kind/image"
	"dogear/kind/kindtest"
	"dogear/kind/network"
	"dogear/kind/volume"
)

// world is a workspace on the real engine, with the drivers of this engine.
type world struct {
	t          *testing.T
	ws         *kind.Workspace
	store      *kindtest.Memory
	containers *container.Driver
	drivers    []kind.Driver
}

// newWorld returns a workspace that has the given containers.
func newWorld(t *testing.T, options docker.Options, containers ...string) *world {
	t.Helper()
	testbed.Require(t, "docker")
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return worldAt(t, root, options, containers...)
}

func worldAt(t *testing.T, root string, options docker.Options, containers ...string) *world {
	t.Helper()
	if options == (docker.Options{}) {
		testbed.Require(t, "root") // who reads the engine's data directory itself
	}
	engines := docker.NewConnector(options)
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	containersDriver := container.New(engines)
	w := &world{
		t: t, store: kindtest.NewMemory(), containers: containersDriver,
		drivers: []kind.Driver{containersDriver, volume.New(engines), network.New(engines), image.New(engines)},
	}
	w.ws = kindtest.Workspace(root)
	w.ws.Config["container"] = include(containers)
	return w
}

func (w *world) find() []kind.Item {
	w.t.Helper()
	var found []kind.Item
	for _, d := range w.drivers {
		items, err := d.Find(w.t.Context(), w.ws, found)
		require.NoError(w.t, err)
		found = append(found, items...)
	}
	return found
}

func (w *world) driver(id kind.ID) kind.Driver {
	i := slices.IndexFunc(w.drivers, func(d kind.Driver) bool { return d.Kind() == id.Kind })
	return w.drivers[i]
}

// capture captures everything while it runs, frozen.
func (w *world) capture() []captured {
	w.t.Helper()
	return w.captureWith(func(ids []kind.ID, take func()) {
		var frozen []kind.ID
		for _, id := range ids {
			did, err := w.containers.Freeze(w.t.Context(), w.ws, id)
			require.NoError(w.t, err)
			if did {
				frozen = append(frozen, id)
			}
		}
		take()
		for _, id := range frozen {
			require.NoError(w.t, w.containers.Thaw(w.t.Context(), w.ws, id))
		}
	})
}

// captured is a part, with its facts as they were told at the time.
type captured struct {
	kind.Part
	facts []kind.Fact
}

func (w *world) captureWith(hold func(containers []kind.ID, take func())) []captured {
	w.t.Helper()
	ctx := w.t.Context()
	var containers []kind.ID
	var captures []kind.Capture
	for _, item := range w.find() {
		if item.ID.Kind == container.Kind {
			containers = append(containers, item.ID)
		}
		c, err := w.driver(item.ID).Open(ctx, w.ws, item, w.store)
		require.NoError(w.t, err, item.ID)
		defer func() { require.NoError(w.t, c.Close()) }()
		if p, ok := c.(kind.Preparer); ok {
			require.NoError(w.t, p.Prepare(ctx))
		}
		captures = append(captures, c)
	}
	hold(containers, func() {
		for _, c := range captures {
			require.NoError(w.t, c.Take(ctx))
		}
	})
	w.removeAtEnd(containers)
	var parts []captured
	for _, c := range captures {
		part, err := c.Finish(ctx)
		require.NoError(w.t, err)
		parts = append(parts, captured{part, kindtest.Collect(w.t, part.Facts)})
	}
	return parts
}

// removeAtEnd removes what a container that is created again leaves behind:
// to the engine its volumes are not anonymous any more.
func (w *world) removeAtEnd(containers []kind.ID) {
	var volumes []string
	for _, item := range w.find() {
		if item.ID.Kind == volume.Kind && len(item.ID.Name) == 64 {
			volumes = append(volumes, item.ID.Name)
		}
	}
	w.t.Cleanup(func() {
		for _, id := range containers {
			testbed.Docker(w.t, "rm", "--force", id.Name)
		}
		for _, name := range volumes {
			testbed.Docker(w.t, "volume", "rm", "--force", name)
		}
	})
}

// stop stops every container of the workspace.
func (w *world) stop() {
	w.t.Helper()
	for _, item := range w.find() {
		if item.ID.Kind == container.Kind {
			_, err := w.containers.Stop(w.t.Context(), w.ws, item.ID)
			require.NoError(w.t, err)
		}
	}
}

// restore stops everything, restores the parts, what others need first, and
// starts what ran.
func (w *world) restore(parts []captured) {
	w.t.Helper()
	w.stop()
	w.restoreStopped(parts)
	for _, p := range inOrder(parts) {
		if p.ID.Kind != container.Kind {
			continue
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
		require.NoError(w.t, w.containers.Start(ctx, w.ws, p.Part, w.store), p.ID)
		require.NoError(w.t, w.containers.WaitHealthy(ctx, w.ws, p.Part, w.store), p.ID)
		cancel()
	}
}

// restoreStopped restores the parts, and demands that it is all there again
// before anything runs, and that doing so again changes nothing.
func (w *world) restoreStopped(parts []captured) {
	w.t.Helper()
	ctx := w.t.Context()
	for _, p := range inOrder(parts) {
		require.NoError(w.t, w.driver(p.ID).Restore(ctx, w.ws, p.Part, w.store), p.ID)
		if d, ok := w.driver(p.ID).(kind.Resting); ok {
			want, have := kindtest.Collect(w.t, d.Rest(ctx, p.Part, w.store)), kindtest.Collect(w.t, d.InspectRest(ctx, w.ws, p.Item()))
			require.Equal(w.t, want, have, p.ID)
		}
	}
	for _, p := range parts {
		change, err := w.driver(p.ID).(kind.Previewer).Preview(ctx, w.ws, p.Part, w.store)
		require.NoError(w.t, err, p.ID)
		require.Equal(w.t, kind.ActionNone, change.Action, "%s: %v", p.ID, change.Details)
	}
}

// differences names the facts of all parts that are not as captured.
func (w *world) differences(parts []captured) []string {
	w.t.Helper()
	var names []string
	for _, p := range parts {
		live := make(map[string]string)
		for f, err := range w.driver(p.ID).Inspect(w.t.Context(), w.ws, p.Item()) {
			require.NoError(w.t, err, p.ID)
			live[f.Name] = f.Value
		}
		for _, f := range p.facts {
			if live[f.Name] != f.Value {
				names = append(names, p.ID.String()+": "+f.Name)
			}
			delete(live, f.Name)
		}
		for name := range live {
			names = append(names, p.ID.String()+": "+name)
		}
	}
	slices.Sort(names)
	return names
}

// inOrder sorts parts so that each comes after what it needs.
func inOrder(parts []captured) []captured {
	var ordered []captured
	done := make(map[kind.ID]bool)
	var visit func(p captured)
	visit = func(p captured) {
		if done[p.ID] {
			return
		}
		done[p.ID] = true
		for _, need := range p.Needs {
			for _, other := range parts {
				if other.ID == need {
					visit(other)
				}
			}
		}
		ordered = append(ordered, p)
	}
	for _, p := range parts {
		visit(p)
	}
	return ordered
}
