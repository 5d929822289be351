package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// What does not come up is named with the end of its log, and its user may
// keep that or go back.
func TestWhatDoesNotComeUpIsShown(t *testing.T) {
	testbed.Require(t, "docker", "root")
	engine := os.Getenv("DOCKER_HOST")
	d := newPlainDesk(t)
	t.Setenv("DOCKER_HOST", engine)
	outside := filepath.Join(t.TempDir(), "flag")
	require.NoError(t, os.WriteFile(outside, []byte("go"), 0o644))
	container := testbed.Container(t, "busybox", []string{
		"--network=none", "--volume=" + outside + ":/flag:ro", "--volume=" + d.root + ":/workspace",
		"--label=com.docker.compose.project=" + testbed.Name("project"),
		"--label=com.docker.compose.project.working_dir=" + d.root,
		"--label=com.docker.compose.service=web",
	}, "sh", "-c", `grep -q go /flag || { echo "no flag to go by"; exit 3; }; trap exit TERM; while :; do sleep 0.2; done`)
	d.succeeds("save", "--name", "first")
	d.renew(2)
	require.NoError(t, os.WriteFile(outside, []byte("no"), 0o644)) // it is not captured

	code, out := d.dogear("restore", "first", "--on-unhealthy", "rollback")
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "| no flag to go by")
	require.Contains(t, out, "state: the state before was brought back")

	code, out = d.dogear("restore", "first")
	require.Equal(t, 6, code, out)
	require.Contains(t, out, "Restored, but not healthy")
	require.Contains(t, out, "container/"+container+": it exited with code 3")
	require.Contains(t, out, "    | no flag to go by")
	require.Contains(t, out, "dogear undo brings it back")
	d.nothingLeft()
}
