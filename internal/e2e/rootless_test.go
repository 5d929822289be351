package e2e

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// TestRootless works with a Docker that its user runs without root (D19): who
// owns what there is shifted, and the courier sees it as containers do. Without
// control groups such an engine freezes nothing, so that a save of what runs is
// refused; a pause stops it, and all comes back as it was.
func TestRootless(t *testing.T) {
	t.Setenv("DOCKER_HOST", testbed.Rootless(t))
	r := modern(t)
	r.as = testbed.TestUser(t)
	testbed.Run(t, "chown", "-R", r.as.Username, r.Dir, filepath.Dir(r.store))
	owned := "chown 5:6 /v/f; chown 7:8 /layer; setfattr -n user.a -v b /v/f 2>/dev/null; mkfifo /v/p"
	testbed.Exec(t, "runs", "sh", "-c", owned)
	require.Contains(t, r.json(failed, "save").Error.Message, "dogear pause stops them instead")
	require.Equal(t, "running", testbed.Inspect(t, "runs", ".State.Status"))

	paused := r.json(done, "pause")
	paused.exact(t)
	testbed.Docker(t, "rm", "--force", "runs", "ended", "made")
	testbed.Docker(t, "volume", "rm", "things")
	testbed.Docker(t, "network", "rm", "net")
	testbed.Docker(t, "image", "rm", "dogear-test/busybox")
	r.json(done, "resume").identical(t)
	require.Equal(t, "5:6 7:8 v l", testbed.Exec(t, "runs", "sh", "-c", "echo $(stat -c %u:%g /v/f /layer) $(cat /v/f /layer)"))
	require.Equal(t, "created", testbed.Inspect(t, "made", ".State.Status"))
}
