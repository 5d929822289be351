package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// TestRemovedMeanwhile clears away what a stopped container still names.
func TestRemovedMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.json(done, "pause")
	testbed.Docker(t, "rm", r.Container("worker"))
	r.removeNetworks()

	r.json(done, "resume").identical(t)
	r.WaitHealthy("db", "redis", "web", "worker")
	require.True(t, r.json(done, "undo").Receipt.Identical)
	require.Empty(t, r.running())
	require.Empty(t, r.networks(), "they were gone before")
	r.json(done, "undo").identical(t)
	r.WaitHealthy("db", "redis", "web", "worker")

	image := testbed.Docker(t, "inspect", "--format", "{{.Config.Image}}", r.Container("web"))
	r.json(done, "pause")
	testbed.Docker(t, "rmi", "--force", image)
	r.json(done, "resume").identical(t)
	r.WaitHealthy("db", "redis", "web", "worker")

	// And all that Compose knows, at once; it finds nothing to do afterwards (D12).
	saved := r.json(done, "save").Snapshot.ID
	r.Compose("down", "--volumes")
	testbed.Docker(t, "rmi", image)
	r.json(done, "restore", saved).identical(t)
	restored := r.Containers()
	r.Compose("up", "--detach")
	require.Equal(t, restored, r.Containers())
	r.WaitHealthy("db", "redis", "web", "worker")

	// A database that does not answer in time is named, with the end of its
	// server's log; what was restored stays, and can be taken back.
	r.SQL("update customers set name = name || '!'")
	out := r.dogear(unhealthy, "restore", "latest", "--healthy-within", "1ms")
	require.Regexp(t, `(?s)Restored, but not healthy.*postgres/\S+: .*\n +\| .*database system`, out)
	require.Contains(t, out, "dogear undo brings it back")
	r.WaitHealthy("db", "redis", "web", "worker")
	r.nothingLeftBehind()
}

func (r *rig) networks() []string {
	r.t.Helper()
	return strings.Fields(testbed.Docker(r.t, "network", "ls", "--quiet", "--filter", "label=com.docker.compose.project="+r.Project))
}

func (r *rig) removeNetworks() {
	r.t.Helper()
	for _, id := range r.networks() {
		testbed.Docker(r.t, "network", "rm", id)
	}
}
