package e2e

import (
	"net/http"
	"os"
	"path"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// small is a workspace with a file and one running container.
func small(t *testing.T) (r *rig, container string) {
	t.Helper()
	testbed.Require(t, "docker", "root")
	dir, err := os.MkdirTemp("", "small-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	dir, err = filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("kept"), 0o600))
	container = testbed.Container(t, "busybox", []string{
		"--network=none", "--label=com.docker.compose.project=small", "--label=com.docker.compose.project.working_dir=" + dir,
	}, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
	return rigOn(t, &testbed.Shop{Dir: dir, Project: "small"}), container
}

// TestEngineLost takes the engine away in the middle of a capture and of a
// restore (D16): what happened until then is on record, nothing counts as
// captured or restored, and the next command with an engine takes it back.
func TestEngineLost(t *testing.T) {
	var lostAt atomic.Value // the last element of the request at which it goes
	var lost atomic.Bool
	lostAt.Store("")
	engine := testbed.EngineProxy(t, func(answer http.ResponseWriter, r *http.Request) bool {
		if path.Base(r.URL.Path) == lostAt.Load() {
			lost.Store(true)
		}
		if !lost.Load() {
			return false
		}
		connection, _, err := answer.(http.Hijacker).Hijack()
		if err == nil {
			_ = connection.Close()
		}
		return true
	})
	r, container := small(t)
	t.Setenv("DOCKER_HOST", engine)
	state := func() string {
		t.Helper()
		return testbed.Docker(t, "--host", "unix:///var/run/docker.sock", "inspect", "--format", "{{.State.Status}}", container)
	}
	saved := r.json(done, "save").Snapshot.ID
	for _, c := range []struct{ at, command, inBetween string }{
		{"unpause", "save", "paused"},
		{"stop", "pause", "running"},
		{"start", "resume", "exited"},
	} {
		t.Run(c.command, func(t *testing.T) {
			if c.command == "resume" {
				require.NoError(t, os.WriteFile(r.Path("file"), []byte("other"), 0o600))
				testbed.Docker(t, "--host", "unix:///var/run/docker.sock", "exec", container, "touch", "/new")
			}
			before := r.dogear(done, "list", "--quiet")
			lostAt.Store(c.at)
			cmd := r.command(c.command)
			if c.command == "resume" {
				cmd = r.command("resume", "--exact", saved)
			}
			out, err := cmd.CombinedOutput()
			require.Error(t, err)
			require.Equal(t, unfinished, cmd.ProcessState.ExitCode(), "%s", out)
			require.True(t, lost.Load(), "the fault has never come up: %s", out)
			require.Equal(t, c.inBetween, state(), "%s", out)
			require.Contains(t, string(out), "dogear recover")

			lostAt.Store("")
			lost.Store(false)
			r.dogear(done, "recover")
			require.Equal(t, "running", state())
			if c.command != "resume" {
				require.Equal(t, before, r.dogear(done, "list", "--quiet"), "nothing counts that was not whole")
			}
			r.nothingLeftBehind()
		})
	}
}
