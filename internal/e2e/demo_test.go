package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

const testbedLimit = 30 * time.Second

// checkout copies what the demo needs to where every user may read it.
func checkout(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "demo-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	testbed.Run(t, "cp", filepath.Join(programs(t), "dogear"), filepath.Join(dir, "bin", "dogear"))
	testbed.Run(t, "cp", "-R", filepath.Join(testbed.Root(t), "testdata"), dir)
	return dir
}

func demo(t *testing.T, command ...string) string {
	t.Helper()
	place, err := os.MkdirTemp("", "place-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(place)) })
	require.NoError(t, os.Chmod(place, 0o1777))
	programs(t)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "TMPDIR="+place)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	left, err := os.ReadDir(place)
	require.NoError(t, err)
	require.Empty(t, left)
	return string(out)
}

func TestDemoWithAnEngine(t *testing.T) {
	t.Parallel()
	testbed.Require(t, "docker", "compose", "postgres")
	out := demo(t, filepath.Join(checkout(t), "testdata", "demo"))
	require.Contains(t, out, "worker: container and its anonymous volume removed")
	require.Contains(t, out, "surviving containers their ids")
}

// Most developers are not root; they are in the group that may talk to the
// engine.
func TestDemoAsAnOrdinaryUser(t *testing.T) {
	testbed.Require(t, "root", "docker", "compose", "postgres")
	user := os.Getenv("DOGEAR_TEST_USER")
	if user == "" {
		user = "dogear-dev"
	}
	out := demo(t, "runuser", "-u", user, "--", "env", "HOME=/tmp", filepath.Join(checkout(t), "testdata", "demo"))
	require.Contains(t, out, "surviving containers their ids")
}

// Without an engine the demo says what it leaves out.
func TestDemoWithoutAnEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
	out := demo(t, filepath.Join(checkout(t), "testdata", "demo"))
	require.Contains(t, out, "without containers")
	require.False(t, strings.Contains(out, "container and its anonymous volume removed"))
}
