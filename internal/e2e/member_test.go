package e2e

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// TestMemberGoesMeanwhile: somebody else renames, restarts or removes a container
// while it is frozen, or stopped for a pause. A capture that lacks it is none, and
// says so; one that can begin anew does. Nobody stays frozen or stopped, under
// whatever name (lookAtHeld).
func TestMemberGoesMeanwhile(t *testing.T) {
	var mu sync.Mutex // guards what follows
	var verb string   // of the requests after which it happens
	var toCome int    // of them, to come
	var meanwhile func()
	engine := testbed.EngineProxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		switch path.Base(r.URL.Path) {
		case verb:
			toCome--
		case "json":
			if toCome == 0 && meanwhile != nil {
				toCome--
				meanwhile()
			}
		}
		return false
	})
	r, stays := small(t)
	another := func() string {
		return testbed.Container(t, "busybox", []string{
			"--network=none", "--label=com.docker.compose.project=small", "--label=com.docker.compose.project.working_dir=" + r.Dir,
		}, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
	}
	t.Setenv("DOCKER_HOST", engine)
	direct := func(args ...string) string {
		return testbed.Docker(t, append([]string{"--host", "unix:///var/run/docker.sock"}, args...)...)
	}
	for _, c := range []struct {
		command, verb string
		event         []string
		running       bool // it, in the end
		exit          int
	}{
		{"save", "pause", []string{"rename", "NAME", "NAME-2"}, true, failed},
		{"save", "pause", []string{"rm", "--force", "NAME"}, false, failed},
		{"save", "pause", []string{"restart", "--time", "1", "NAME"}, true, done},
		{"pause", "stop", []string{"rename", "NAME", "NAME-2"}, true, failed},
		{"pause", "stop", []string{"rm", "--force", "NAME"}, false, failed},
	} {
		name := another()
		ref := direct("inspect", "--format", "{{.Id}}", name)
		t.Cleanup(func() { direct("rm", "--force", ref) }) // its name may be another one
		event := strings.Split(strings.ReplaceAll(strings.Join(c.event, " "), "NAME", name), " ")
		mu.Lock()
		verb, toCome = c.verb, 2
		meanwhile = func() { direct(event...) }
		mu.Unlock()

		cmd := r.command(c.command)
		out, _ := cmd.CombinedOutput() // its exit code tells
		require.Equal(t, c.exit, cmd.ProcessState.ExitCode(), "%s: %s", event, out)
		if c.exit == failed {
			require.Contains(t, string(out), "container/"+name+": it is no longer there")
			require.Contains(t, string(out), "the workspace is as it was")
		}
		r.nothingLeftBehind()
		running := strings.Fields(direct("ps", "--quiet", "--no-trunc", "--filter", "label=com.docker.compose.project=small"))
		require.Equal(t, c.running, slices.Contains(running, ref), "%s", event)
		require.Contains(t, running, direct("inspect", "--format", "{{.Id}}", stays), "%s", event)
		direct("rm", "--force", ref)
	}
}
