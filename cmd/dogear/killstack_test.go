package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// limit bounds the wait for what a watchdog or the next command does.
const limit = 30 * time.Second

// withContainer adds a running container to the desk, as Compose would.
func (d *desk) withContainer(engine string) string {
	d.t.Helper()
	d.t.Setenv("DOCKER_HOST", engine)
	return testbed.Container(d.t, "busybox", []string{
		"--network=none",
		"--label=com.docker.compose.project=" + testbed.Name("project"),
		"--label=com.docker.compose.project.working_dir=" + d.root,
		"--label=com.docker.compose.service=web",
	}, "sh", "-c", "trap exit TERM; while :; do sleep 1; done")
}

// endedAt starts a command, sends it a signal when the engine reports an event
// of the container, and returns its exit code.
func (d *desk) endedAt(event, container string, s syscall.Signal, args ...string) int {
	d.t.Helper()
	ctx, stop := context.WithCancel(d.t.Context())
	events := exec.CommandContext(ctx, "docker", "events", "--filter", "container="+container, "--filter", "event="+event,
		"--format", "{{.Action}}", "--since", time.Now().Format(time.RFC3339Nano))
	seen, err := events.StdoutPipe()
	require.NoError(d.t, err)
	require.NoError(d.t, events.Start())

	cmd := d.command(args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(d.t, cmd.Start())
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		stop()
	}()
	_, readErr := bufio.NewReader(seen).ReadString('\n')
	signalErr := cmd.Process.Signal(s)
	require.Error(d.t, <-ended, "it was done before the signal came")
	require.NoError(d.t, readErr, "it ended before the event came: %s", &said)
	require.NoError(d.t, signalErr)
	_ = events.Wait() // it was killed
	return cmd.ProcessState.ExitCode()
}

func TestKilledSaveLeavesNothingFrozen(t *testing.T) {
	testbed.Require(t, "docker", "root") // the courier of others needs a static binary
	engine := os.Getenv("DOCKER_HOST")
	d := newDesk(t)
	container := d.withContainer(engine)
	d.endedAt("pause", container, syscall.SIGKILL, "save")
	testbed.Eventually(t, limit, "the watchdog has thawed it", func() bool {
		return testbed.Inspect(t, container, ".State.Status") == "running"
	})
	d.succeeds("recover")
	d.succeeds("save", "--name", "after")
	d.succeeds("verify", "after")
	d.nothingLeft()
}

func TestKilledPauseIsTakenBackByTheNextCommand(t *testing.T) {
	testbed.Require(t, "docker", "root") // the courier of others needs a static binary
	engine := os.Getenv("DOCKER_HOST")
	d := newDesk(t)
	container := d.withContainer(engine)
	d.endedAt("die", container, syscall.SIGKILL, "pause")
	require.Equal(t, "exited", testbed.Inspect(t, container, ".State.Status"))
	require.Contains(t, d.succeeds("recover"), "interrupted pause")
	require.Equal(t, "running", testbed.Inspect(t, container, ".State.Status"))
	require.Contains(t, d.succeeds("list"), "No snapshots")
	d.nothingLeft()
}

func TestInterruptedPauseIsTakenBackAtOnce(t *testing.T) {
	testbed.Require(t, "docker", "root") // the courier of others needs a static binary
	engine := os.Getenv("DOCKER_HOST")
	d := newDesk(t)
	container := d.withContainer(engine)
	require.Equal(t, 130, d.endedAt("die", container, syscall.SIGTERM, "pause"))
	require.Equal(t, "running", testbed.Inspect(t, container, ".State.Status"))
	d.nothingLeft()
	require.Contains(t, d.succeeds("list"), "No snapshots")
}
