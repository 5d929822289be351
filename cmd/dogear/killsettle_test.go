package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// fleeting is a desk with a container that its engine removes when it stops,
// and its anonymous volume with it.
type fleeting struct {
	*desk
	container string
	stopping  chan struct{} // an armed engine was asked to stop it, and does not
	armed     atomic.Bool
}

func newFleeting(t *testing.T) *fleeting {
	t.Helper()
	testbed.Require(t, "docker", "root")
	engine := os.Getenv("DOCKER_HOST")
	f := &fleeting{desk: newPlainDesk(t), container: testbed.Name("container"), stopping: make(chan struct{})}
	t.Setenv("DOCKER_HOST", engine)
	t.Setenv("DOCKER_HOST", testbed.EngineProxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if path.Base(r.URL.Path) != "stop" || !f.armed.CompareAndSwap(true, false) {
			return false
		}
		f.stopping <- struct{}{}
		<-r.Context().Done() // until who asked is dead
		return true
	}))
	testbed.Docker(t, "run", "--detach", "--rm", "--name", f.container, testbed.LabelFlag(), "--network=none", "--volume=/data",
		"--label=com.docker.compose.project="+testbed.Name("project"),
		"--label=com.docker.compose.project.working_dir="+f.root,
		"--label=com.docker.compose.service=job",
		testbed.Image(t, "busybox"), "sh", "-c", "trap exit TERM; while :; do sleep 0.1; done")
	volume := testbed.Docker(t, "inspect", "--format", "{{range .Mounts}}{{.Name}}{{end}}", f.container)
	t.Cleanup(func() {
		_ = exec.Command("docker", "rm", "--force", f.container).Run() // it may be gone
		testbed.Docker(t, "volume", "rm", "--force", volume)
	})
	f.put("first")
	return f
}

// put writes to the layer and to the volume.
func (f *fleeting) put(what string) {
	f.t.Helper()
	testbed.Exec(f.t, f.container, "sh", "-c", fmt.Sprintf("echo %s | tee /layer > /data/f", what))
}

func (f *fleeting) has(what string) {
	f.t.Helper()
	require.Equal(f.t, what+" "+what, testbed.Exec(f.t, f.container, "sh", "-c", "echo $(cat /layer /data/f)"))
}

// status is empty if the container is gone.
func (f *fleeting) status() string {
	f.t.Helper()
	return testbed.Docker(f.t, "ps", "--all", "--filter", "name="+f.container, "--format", "{{.State}}")
}

// killedAtTheStop runs a command, and kills it when it asks the engine to stop
// the container, which the engine does not come to do; its watchdog first, if
// it is not to live.
func (f *fleeting) killedAtTheStop(watchdogLives bool, args ...string) {
	f.t.Helper()
	f.armed.Store(true)
	cmd := f.command(args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(f.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-f.stopping:
	case err := <-ended:
		require.Fail(f.t, "it asked for no stop", "%v: %s", err, &said)
	}
	if !watchdogLives {
		require.NoError(f.t, syscall.Kill(watchdogOf(f.t, cmd.Process.Pid), syscall.SIGKILL))
	}
	require.NoError(f.t, cmd.Process.Kill())
	require.Error(f.t, <-ended)
}

// watchdogOf returns the child of a process that is a watchdog.
func watchdogOf(t *testing.T, pid int) int {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	require.NoError(t, err)
	for _, task := range tasks {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		require.NoError(t, err)
		for child := range strings.FieldsSeq(string(children)) {
			line, err := os.ReadFile("/proc/" + child + "/cmdline")
			require.NoError(t, err)
			if strings.Contains(string(line), "watchdog") {
				found, err := strconv.Atoi(child)
				require.NoError(t, err)
				return found
			}
		}
	}
	require.Fail(t, "there is no watchdog")
	return 0
}

// TestPauseKilledBeforeItsLastStop (D7): the snapshot is committed, so the pause
// holds. What was to be stopped after the commit is not left running: its
// watchdog stops it, or the next command does; unless somebody has thawed it
// since, for then it has written what nobody has captured. Without the record
// of what is to be stopped for good, it is thawed and forgotten.
func TestPauseKilledBeforeItsLastStop(t *testing.T) {
	f := newFleeting(t)
	for _, watchdogLives := range []bool{true, false} {
		f.killedAtTheStop(watchdogLives, "pause")
		if !watchdogLives {
			require.Equal(t, "paused", f.status())
		}
		require.Contains(t, f.succeeds("recover"), "interrupted pause")
		require.Empty(t, f.status())
		require.Contains(t, f.succeeds("resume"), "identical")
		f.has("first")
		f.nothingLeft()
	}

	f.killedAtTheStop(false, "pause")
	testbed.Docker(t, "unpause", f.container)
	f.put("second")
	require.Contains(t, f.succeeds("save"), f.container+" still runs")
	f.has("second")
	f.nothingLeft()
}

// TestRestoreOfWhatGoesWhenItStops (D7): that it goes by being stopped is no
// change that somebody made after the safety snapshot, also if the restore is
// not about it.
func TestRestoreOfWhatGoesWhenItStops(t *testing.T) {
	f := newFleeting(t)
	f.succeeds("save", "--name", "first")
	f.put("second")
	f.killedAtTheStop(false, "restore", "first")
	require.Contains(t, f.succeeds("recover"), "interrupted restore")
	f.has("second")
	f.killedAtTheStop(true, "restore", "first")
	require.Contains(t, f.succeeds("recover", "--resume"), "identical")
	f.has("first")
	f.nothingLeft()

	f.put("third")
	f.succeeds("restore", "first", "--only", "volume/*")
	require.Equal(t, "third first", testbed.Exec(t, f.container, "sh", "-c", "echo $(cat /layer /data/f)"))
	f.succeeds("undo")
	f.has("third")
	f.nothingLeft()
}
