package container_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
)

// TestFreezeAndThaw (D16): only what we froze is thawed, and a restart by
// somebody else shows in the incarnation.
func TestFreezeAndThaw(t *testing.T) {
	t.Parallel()
	name := started(t)
	w := newWorld(t, docker.Options{}, name)
	id, ctx := idOf(name), t.Context()
	incarnation := func() string {
		t.Helper()
		now, err := w.containers.Incarnation(ctx, w.ws, id)
		require.NoError(t, err)
		return now
	}
	before := incarnation()
	frozen, err := w.containers.Freeze(ctx, w.ws, id)
	require.NoError(t, err)
	require.True(t, frozen)
	again, err := w.containers.Freeze(ctx, w.ws, id)
	require.NoError(t, err)
	require.False(t, again, "it was frozen already, so we did not freeze it")
	require.NotEqual(t, before, incarnation())
	require.NoError(t, w.containers.Thaw(ctx, w.ws, id))
	require.NoError(t, w.containers.Thaw(ctx, w.ws, id))
	require.Equal(t, before, incarnation())
	testbed.Docker(t, "restart", name)
	require.NotEqual(t, before, incarnation())
}

func idOf(name string) kind.ID { return kind.ID{Kind: "container", Name: name} }

// TestStopTakesItsTime gives a container more time than it asked for itself.
func TestStopTakesItsTime(t *testing.T) {
	t.Parallel()
	name := started(t, "--stop-timeout", "1")
	testbed.Exec(t, name, "sh", "-c", "echo 3 > /slow")
	require.True(t, stop(t, name, time.Minute))
	require.Equal(t, "0", testbed.Inspect(t, name, ".State.ExitCode"))
	require.False(t, stop(t, name, time.Minute))
}

// TestStopOfTheDeaf does not wait for a process that no signal reaches.
func TestStopOfTheDeaf(t *testing.T) {
	t.Parallel()
	name := testbed.Container(t, "busybox", nil, "sleep", "600")
	begun := time.Now()
	require.True(t, stop(t, name, time.Minute))
	require.Less(t, time.Since(begun), 30*time.Second)
}

// TestStopRightAfterTheStart does not wait for a program that could not hear the
// signal yet, but gives it a moment to begin. It fails without begun.
func TestStopRightAfterTheStart(t *testing.T) {
	t.Parallel()
	name := testbed.Container(t, "busybox", nil, "sh", "-c", "sleep 0.1; trap 'exit 0' TERM; while :; do sleep 0.1; done")
	w := newWorld(t, docker.Options{AlwaysCourier: true}, name)
	for range 5 {
		testbed.Docker(t, "stop", "--time", "1", name)
		testbed.Docker(t, "start", name)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		begun := time.Now()
		_, err := w.containers.Stop(ctx, w.ws, idOf(name))
		cancel()
		require.NoError(t, err)
		require.Less(t, time.Since(begun), 30*time.Second)
		at := func(field string) time.Time {
			when, err := time.Parse(time.RFC3339Nano, testbed.Inspect(t, name, ".State."+field))
			require.NoError(t, err)
			return when
		}
		require.GreaterOrEqual(t, at("FinishedAt").Sub(at("StartedAt")), time.Second)
	}
}

// TestWaitsForHealth: what was healthy when it was captured has to be so again, and
// one that does not become so in time is told, with what it is instead.
func TestWaitsForHealth(t *testing.T) {
	t.Parallel()
	flag := filepath.Join(t.TempDir(), "ok")
	require.NoError(t, os.WriteFile(flag, nil, 0o644))
	name := testbed.Container(t, "busybox", []string{
		"--volume=" + filepath.Dir(flag) + ":/flag:ro", "--health-cmd=test -e /flag/ok", "--health-interval=1s",
	}, idle()...)
	testbed.Eventually(t, 30*time.Second, "it is healthy", func() bool {
		return testbed.Inspect(t, name, ".State.Health.Status") == "healthy"
	})
	w := newWorld(t, docker.Options{}, name)
	part := partOf(w.captureStopped(), name).Part
	require.NoError(t, os.Remove(flag))
	require.NoError(t, w.containers.Start(t.Context(), w.ws, part, w.store))
	soon, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	err := w.containers.WaitHealthy(soon, w.ws, part, w.store)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Regexp(t, "it is (starting|unhealthy); see docker logs "+name, err.Error())
	require.NoError(t, os.WriteFile(flag, nil, 0o644))
	later, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, w.containers.WaitHealthy(later, w.ws, part, w.store))
}

// TestProbe sees for itself that a container does its work, long before the engine
// looks (which does so first after its interval), and no sooner. What has no health
// check is ready as soon as it runs. It fails if Probe waits for the engine.
func TestProbe(t *testing.T) {
	t.Parallel()
	const interval = 4 * time.Second
	checked := started(t, "--health-cmd", "test -e /well", "--health-interval", interval.String())
	bare := started(t)
	testbed.Exec(t, checked, "touch", "/well")
	status := func() string { return testbed.Inspect(t, checked, ".State.Health.Status") }
	testbed.Eventually(t, time.Minute, "it is healthy", func() bool { return status() == "healthy" })
	w := newWorld(t, docker.Options{}, checked, bare)
	parts := w.capture()
	testbed.Exec(t, checked, "rm", "/well")
	testbed.Docker(t, "restart", "--time", "1", checked, bare)

	probe := func(ctx context.Context, name string) error {
		return w.containers.Probe(ctx, w.ws, partOf(parts, name).Part, w.store)
	}
	require.NoError(t, probe(t.Context(), bare))
	notYet, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.ErrorIs(t, probe(notYet, checked), context.DeadlineExceeded)
	testbed.Docker(t, "restart", "--time", "1", checked)
	testbed.Exec(t, checked, "touch", "/well")
	require.NoError(t, probe(t.Context(), checked))
	require.Equal(t, "starting", status(), "the engine has not looked yet")
}

// TestStopOfTheFrozen is clean too: the signal waits until the thaw.
func TestStopOfTheFrozen(t *testing.T) {
	t.Parallel()
	name := started(t)
	testbed.Docker(t, "pause", name)
	require.True(t, stop(t, name, time.Minute))
	require.Equal(t, "0", testbed.Inspect(t, name, ".State.ExitCode"))
}

func stop(t *testing.T, name string, within time.Duration) bool {
	t.Helper()
	w := newWorld(t, docker.Options{AlwaysCourier: true}, name)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	was, err := w.containers.Stop(ctx, w.ws, idOf(name))
	require.NoError(t, err)
	return was
}

// TestPausedStaysPaused (D14) brings back what its user had paused.
func TestPausedStaysPaused(t *testing.T) {
	t.Parallel()
	name := started(t)
	testbed.Docker(t, "pause", name)
	w := newWorld(t, docker.Options{}, name)
	parts := w.captureStopped()
	require.NoError(t, w.containers.Resume(t.Context(), w.ws, idOf(name)))
	require.Equal(t, "paused", testbed.Inspect(t, name, ".State.Status"))
	w.restore(parts)
	require.Equal(t, "paused", testbed.Inspect(t, name, ".State.Status"))
	require.Empty(t, w.differences(parts))
}

// TestRemovedOnExit (D7) is captured frozen, and lost when it stops: it has to
// stop last.
func TestRemovedOnExit(t *testing.T) {
	t.Parallel()
	name := started(t, "--rm", "-v", "/data")
	testbed.Exec(t, name, "sh", "-c", "echo kept > /data/f")
	w := newWorld(t, docker.Options{}, name)
	last, err := w.containers.StopsLast(t.Context(), w.ws, idOf(name))
	require.NoError(t, err)
	require.True(t, last)
	parts := w.capture()
	w.restore(parts)
	require.Empty(t, w.differences(parts))
	require.Equal(t, "kept", testbed.Exec(t, name, "cat", "/data/f"))
}

// TestSharedNamespace (D10) follows a container whose network another one shares,
// when it gets another id.
func TestSharedNamespace(t *testing.T) {
	t.Parallel()
	parent := started(t, "--ipc", "shareable", "--restart", "on-failure:2", "-p", "127.0.0.1::81")
	child := started(t, "--network", "container:"+parent, "--ipc", "container:"+parent, "--label", "com.docker.compose.config-hash=x")
	old := testbed.Inspect(t, parent, ".Id")
	w := newWorld(t, docker.Options{}, parent, child)
	parts := w.capture()
	testbed.Docker(t, "rm", "--force", parent)
	w.restore(parts)
	require.Empty(t, w.differences(parts))
	require.Equal(t, "container:"+testbed.Inspect(t, parent, ".Id"), testbed.Inspect(t, child, ".HostConfig.NetworkMode"))
	shifts, err := w.containers.Shifted(t.Context(), w.ws, partOf(parts, child).Part, w.store)
	require.NoError(t, err)
	require.Len(t, shifts, 3)
	require.Equal(t, "log", shifts[0].What)
	require.Equal(t, old, shifts[1].Was)
	require.Contains(t, shifts[1].What, "--no-recreate") // D12: Compose hashes the parent's id
}

// TestStranger is not touched, though it has the name.
func TestStranger(t *testing.T) {
	t.Parallel()
	name := started(t)
	w := newWorld(t, docker.Options{}, name)
	parts := w.capture()
	testbed.Docker(t, "rm", "--force", name)
	testbed.Docker(t, "create", "--name", name, testbed.LabelFlag(), testbed.Image(t, "busybox"), "true")
	w.ws.Config["container"] = include(nil)
	for _, p := range parts {
		if p.ID != idOf(name) {
			continue
		}
		require.ErrorContains(t, w.containers.Restore(t.Context(), w.ws, p.Part, w.store), "somebody else")
		change, err := w.containers.Preview(t.Context(), w.ws, p.Part, w.store)
		require.NoError(t, err)
		require.NotEmpty(t, change.Conflicts)
	}
}
