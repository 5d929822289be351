package container_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
)

// The tests in this file are named in docs/traps-containers.md, by number.

// TestEmptiedVolumeStaysEmpty (D4): an engine fills an empty volume from the
// image when a container mounts it, and gives it the image's owner. What keeps
// it out is that the container is created with nocopy.
func TestEmptiedVolumeStaysEmpty(t *testing.T) {
	t.Parallel()
	maker := testbed.Container(t, "busybox", nil, "sh", "-c", "mkdir /stuff; echo x > /stuff/from-image")
	testbed.Docker(t, "wait", maker)
	image := testbed.Name("image")
	testbed.Docker(t, "commit", "--change", "LABEL "+testbed.Label+"=1", maker, image)
	t.Cleanup(func() { testbed.Docker(t, "image", "rm", "--force", image) })
	for name, mount := range map[string]func(volume string) []string{
		"bind":      func(v string) []string { return []string{"-v", v + ":/stuff"} },
		"mount":     func(v string) []string { return []string{"--mount", "type=volume,src=" + v + ",dst=/stuff"} },
		"anonymous": func(string) []string { return []string{"-v", "/stuff"} },
	} {
		t.Run(name, func(t *testing.T) {
			name := testbed.Name("container")
			args := append([]string{"run", "--detach", "--name", name, testbed.LabelFlag()}, mount(testbed.Volume(t))...)
			t.Cleanup(func() { testbed.Docker(t, "rm", "--force", "--volumes", name) })
			testbed.Docker(t, append(append(args, image), idle()...)...)
			testbed.Exec(t, name, "sh", "-c", "rm /stuff/from-image; chown 999:998 /stuff; chmod 700 /stuff")
			w := newWorld(t, docker.Options{}, name)
			parts := w.capture()
			testbed.Docker(t, "rm", "--force", "--volumes", name)
			for _, volume := range volumesOf(parts) {
				testbed.Docker(t, "volume", "rm", "--force", volume)
			}
			w.restore(parts)
			require.Empty(t, w.differences(parts))
			require.Equal(t, "700 999 998 0", testbed.Exec(t, name, "sh", "-c", "stat -c '%a %u %g' /stuff | tr '\\n' ' '; ls -A /stuff | wc -l"))
		})
	}
}

// TestStates (D14): what ran runs, what was paused is paused, and what had
// ended or never begun is not started: a job would do its work once more.
// Start brings back the state in the part, not the one that is convenient.
func TestStates(t *testing.T) {
	t.Parallel()
	log := testbed.Volume(t)
	running, paused := started(t), started(t)
	testbed.Docker(t, "pause", paused)
	job := testbed.Container(t, "busybox", []string{"-v", log + ":/log"}, "sh", "-c", "echo ran >> /log/f; exit 7")
	testbed.Docker(t, "wait", job)
	created := testbed.Name("container")
	testbed.Docker(t, "create", "--name", created, testbed.LabelFlag(), "-v", log+":/log", testbed.Image(t, "busybox"), "sh", "-c", "echo no >> /log/f")
	t.Cleanup(func() { testbed.Docker(t, "rm", "--force", created) })
	w := newWorld(t, docker.Options{}, running, paused, job, created)
	parts := w.capture()
	states := func() []string {
		var all []string
		for _, name := range []string{running, paused, job, created} {
			all = append(all, testbed.Inspect(t, name, ".State.Status"))
		}
		return all
	}
	require.Equal(t, []string{"running", "paused", "exited", "created"}, states())
	w.restore(parts)
	require.Equal(t, []string{"running", "paused", "exited", "created"}, states(), "corrected in place")
	require.Equal(t, "7", testbed.Inspect(t, job, ".State.ExitCode"))

	testbed.Docker(t, "rm", "--force", running, paused, job, created)
	w.restore(parts)
	require.Equal(t, []string{"running", "paused", "created", "created"}, states(), "made again: an exit code cannot be")
	require.Empty(t, w.differences(parts))
	require.Equal(t, "ran", testbed.Docker(t, "run", "--rm", testbed.LabelFlag(), "-v", log+":/log", testbed.Image(t, "busybox"), "cat", "/log/f"))
}

// TestLogIsKept (D5): what a container has printed goes with it, and is in the
// snapshot to be read, with the times; the one that is made anew says so.
func TestLogIsKept(t *testing.T) {
	t.Parallel()
	name := testbed.Container(t, "busybox", nil, "sh", "-c", "echo one; echo two >&2")
	testbed.Docker(t, "wait", name)
	w := newWorld(t, docker.Options{}, name)
	parts := w.capture()
	testbed.Docker(t, "rm", name)
	w.restore(parts)
	part := partOf(parts, name).Part
	require.Equal(t, []string{"log"}, w.containers.Exhibits(part))
	log, err := w.containers.Exhibit(t.Context(), part, w.store, "log")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	var said []string
	for _, line := range lines {
		when, text, _ := strings.Cut(line, " ")
		_, err := time.Parse(time.RFC3339Nano, when)
		require.NoError(t, err)
		said = append(said, text)
	}
	require.ElementsMatch(t, []string{"one", "two"}, said)
	shifts, err := w.containers.Shifted(t.Context(), w.ws, part, w.store)
	require.NoError(t, err)
	require.Len(t, shifts, 1)
	require.Equal(t, "log", shifts[0].What)
}

// TestHeldBack (D10): from the first change until it is started, nothing that
// the engine goes through starts a container by itself. Without setting its
// restart policy aside one that is corrected would be started with the engine.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	name := started(t, "--restart", "always")
	w := newWorld(t, docker.Options{}, name)
	part := partOf(w.captureStopped(), name)
	require.NoError(t, w.containers.Restore(t.Context(), w.ws, part.Part, w.store))
	require.Equal(t, "no", testbed.Inspect(t, name, ".HostConfig.RestartPolicy.Name"))
	require.NoError(t, w.containers.Start(t.Context(), w.ws, part.Part, w.store))
	require.Equal(t, "always", testbed.Inspect(t, name, ".HostConfig.RestartPolicy.Name"))
}

// TestCreatedHeldBack (D10): nor does one that is made again, not even for the
// moment before its restart policy is set aside.
func TestCreatedHeldBack(t *testing.T) {
	name := started(t, "--restart", "always")
	var asked atomic.Value
	t.Setenv("DOCKER_HOST", testbed.EngineProxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if path.Base(r.URL.Path) == "create" && strings.Contains(r.URL.Path, "/containers/") {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				asked.Store(string(body))
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		return false
	}))
	w := newWorld(t, docker.Options{}, name)
	parts := w.capture()
	testbed.Docker(t, "rm", "--force", name)
	w.restore(parts)
	require.Contains(t, asked.Load(), `"RestartPolicy":{"Name":"no"`)
	require.Equal(t, "always", testbed.Inspect(t, name, ".HostConfig.RestartPolicy.Name"))
}

// TestFailingBefore (D14) is not waited for: as healthy as it was is not at all.
// Without that a restore would end as unhealthy, after a minute or more.
func TestFailingBefore(t *testing.T) {
	t.Parallel()
	name := testbed.Container(t, "busybox", []string{"--restart", "always"}, "false")
	testbed.Eventually(t, 30*time.Second, "it waits to be restarted", func() bool {
		return testbed.Inspect(t, name, ".State.Restarting") == "true"
	})
	w := newWorld(t, docker.Options{}, name)
	part := partOf(w.captureStopped(), name)
	require.NoError(t, w.containers.Start(t.Context(), w.ws, part.Part, w.store))
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, w.containers.WaitHealthy(soon, w.ws, part.Part, w.store))
}

// TestWatchers (D16) are those that can talk to the engine.
func TestWatchers(t *testing.T) {
	t.Parallel()
	nurse, other := started(t, "-v", "/var/run/docker.sock:/engine:ro"), started(t)
	w := newWorld(t, docker.Options{}, nurse, other)
	for name, want := range map[string]bool{nurse: true, other: false} {
		watches, err := w.containers.Watches(t.Context(), w.ws, idOf(name))
		require.NoError(t, err)
		require.Equal(t, want, watches)
	}
}

// TestCycles (D3, D10): saving and restoring again and again adds no layer to
// the image, makes no image and no alias. Nothing is ever committed, and the
// old short id, which the engine lists among the aliases, is not asked for.
func TestCycles(t *testing.T) {
	t.Parallel()
	network := testbed.Network(t)
	name := started(t, "--network", network, "--network-alias", "shop", "--hostname", "h")
	look := func() []string {
		aliases := testbed.Inspect(t, name, `range .NetworkSettings.Networks}}{{len .Aliases}}{{end`)
		return []string{testbed.Inspect(t, name, ".Image"), testbed.Inspect(t, name, ".Config.Image"), aliases}
	}
	before := look()
	for range testbed.Times(3, 150) {
		w := newWorld(t, docker.Options{}, name)
		parts := w.capture()
		testbed.Docker(t, "rm", "--force", name)
		w.restore(parts)
		require.Equal(t, before, look())
	}
}

// TestPortsOfTheEngine (D25): the engine chooses the port of the host anew at
// each start. That is no difference, and both are named, also if it was
// captured after the stop, when the engine does not know the old one any more.
func TestPortsOfTheEngine(t *testing.T) {
	t.Parallel()
	name := started(t, "-p", "127.0.0.1::80")
	w := newWorld(t, docker.Options{}, name)
	was := testbed.Docker(t, "port", name, "80/tcp")
	parts := w.captureStopped()
	testbed.Docker(t, "rm", "--force", name)
	holder := testbed.Container(t, "busybox", []string{"-p", was + ":80"}, idle()...)
	w.restore(parts)
	require.NotEmpty(t, holder)
	is := testbed.Docker(t, "port", name, "80/tcp")
	require.NotEqual(t, was, is)
	require.Empty(t, w.differences(parts))
	shifts, err := w.containers.Shifted(t.Context(), w.ws, partOf(parts, name).Part, w.store)
	require.NoError(t, err)
	require.Contains(t, shifts, kind.Shift{What: "port of this host for 80/tcp", Was: was, Is: is})
}

// TestMemoryIsNamed (D18): what is only in memory is not captured, and is
// listed. Nothing of it comes back as if it had been.
func TestMemoryIsNamed(t *testing.T) {
	t.Parallel()
	name := started(t, "--tmpfs", "/scratch", "--mount", "type=tmpfs,dst=/more")
	testbed.Exec(t, name, "touch", "/scratch/f", "/more/f")
	parts := newWorld(t, docker.Options{}, name).capture()
	gaps := strings.Join(gapsOf(parts), "; ")
	for _, what := range []string{"memory of its processes", "/dev/shm", "tmpfs /scratch", "tmpfs /more"} {
		require.Contains(t, gaps, what)
	}
}

// TestBusyEngine (D24): an engine that refuses to pause a container for a
// moment is asked again; one that goes on refusing does not keep the others
// frozen for ever.
func TestBusyEngine(t *testing.T) {
	name := started(t)
	for title, c := range map[string]struct {
		refusals int32
		frozen   bool
	}{
		"for a moment": {2, true},
		"for ever":     {1 << 30, false},
	} {
		t.Run(title, func(t *testing.T) {
			var refused atomic.Int32
			t.Setenv("DOCKER_HOST", testbed.EngineProxy(t, func(answer http.ResponseWriter, r *http.Request) bool {
				if path.Base(r.URL.Path) != "pause" || refused.Add(1) > c.refusals {
					return false
				}
				http.Error(answer, `{"message":"Cannot pause container"}`, http.StatusInternalServerError)
				return true
			}))
			w := newWorld(t, docker.Options{}, name)
			frozen, err := w.containers.Freeze(t.Context(), w.ws, idOf(name))
			require.Equal(t, c.frozen, frozen)
			require.Greater(t, refused.Load(), int32(2))
			if !c.frozen {
				require.ErrorContains(t, err, "Cannot pause container")
				return
			}
			require.NoError(t, err)
			require.NoError(t, w.containers.Thaw(t.Context(), w.ws, idOf(name)))
		})
	}
}

// unreadable stands before an engine that names no directory of any writable
// layer, as engines with another storage driver do.
func unreadable(t *testing.T) string {
	return testbed.EngineProxy(t, func(answer http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/containers/") || path.Base(r.URL.Path) != "json" || path.Base(path.Dir(r.URL.Path)) == "containers" {
			return false
		}
		ref := path.Base(path.Dir(r.URL.Path))
		raw := testbed.Docker(t, "-H", "unix:///var/run/docker.sock", "inspect", "--type=container", "--format", "{{json .}}", ref)
		var fields map[string]any
		if json.Unmarshal([]byte(raw), &fields) != nil {
			return false
		}
		fields["GraphDriver"] = map[string]any{"Name": "vfs", "Data": nil}
		return json.NewEncoder(answer).Encode(fields) == nil
	})
}

// TestLayerThatCannotBeRead (D9, D20): what nobody could capture is not removed,
// neither to create the container again nor because the snapshot has none, and
// not stopped where the engine would remove it then.
func TestLayerThatCannotBeRead(t *testing.T) {
	name, fleeting := started(t), started(t, "--rm")
	t.Setenv("DOCKER_HOST", unreadable(t))
	w := newWorld(t, docker.Options{}, name, fleeting)
	parts := w.capture()
	require.Equal(t, kind.Reduced, partOf(parts, name).Part.Fidelity)
	_, err := w.containers.StopsLast(t.Context(), w.ws, idOf(fleeting))
	require.ErrorContains(t, err, "cannot be captured")

	testbed.Docker(t, "rm", "--force", name)
	other := []string{"create", "--name", name, testbed.LabelFlag(), "--env", "OTHER=1", testbed.Image(t, "busybox"), "true"}
	testbed.Docker(t, other...)
	id := testbed.Inspect(t, name, ".Id")
	change := w.preview(parts, name)
	require.Equal(t, kind.ActionRecreate, change.Action)
	require.Contains(t, strings.Join(change.Conflicts, "\n"), "cannot be captured")
	require.ErrorContains(t, w.containers.Restore(t.Context(), w.ws, partOf(parts, name).Part, w.store), "cannot be captured")
	require.ErrorContains(t, w.containers.Remove(t.Context(), w.ws, kind.Item{ID: idOf(name)}), "cannot be captured")
	require.Equal(t, id, testbed.Inspect(t, name, ".Id"))
}

// TestUnknownVolume (D6): a volume that a container mounts and the engine does not
// know, as its plugin was not there when the engine started, is no item; that it
// was not captured is said.
func TestUnknownVolume(t *testing.T) {
	volume := testbed.Volume(t)
	name := started(t, "-v", volume+":/v")
	t.Setenv("DOCKER_HOST", testbed.EngineProxy(t, func(answer http.ResponseWriter, r *http.Request) bool {
		if path.Base(path.Dir(r.URL.Path)) != "volumes" || path.Base(r.URL.Path) != volume {
			return false
		}
		http.Error(answer, `{"message":"no such volume"}`, http.StatusNotFound)
		return true
	}))
	parts := newWorld(t, docker.Options{}, name).capture()
	require.Empty(t, volumesOf(parts))
	require.Contains(t, gapsOf(parts), "volume "+volume)
}
