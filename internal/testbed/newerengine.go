package testbed

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// newerEngine is the directory with the programs of Docker 26 that `up` unpacked.
func newerEngine() string { return os.Getenv("DOGEAR_TEST_ENGINE") }

func checkNewerEngine() error {
	if newerEngine() == "" {
		return errors.New("there is no newer engine; " + setUp)
	}
	return nil
}

// TestUser returns the user that stands for those who are not root and may use engines.
func TestUser(t testing.TB) *user.User {
	t.Helper()
	name := os.Getenv("DOGEAR_TEST_USER")
	if name == "" {
		name = "dogear-dev"
	}
	found, err := user.Lookup(name)
	require.NoError(t, err)
	return found
}

// NewerEngine starts a Docker 26 of its own, with the busybox image, for the length of the test, and returns its
// address. It has a network namespace to itself: an engine thinks all bridges and rules of its namespace its own.
// imageStore lets containerd keep images and layers, as the newest engines do.
func NewerEngine(t testing.TB, imageStore bool) string {
	t.Helper()
	return newerEngineWith(t, `{"features":{"containerd-snapshotter":`+strconv.FormatBool(imageStore)+`}}`)
}

// CopyingEngine is NewerEngine with the storage driver that copies an image for each container: it keeps no directory with
// only what the container wrote.
func CopyingEngine(t testing.TB) string {
	t.Helper()
	return newerEngineWith(t, `{"storage-driver":"vfs"}`)
}

func newerEngineWith(t testing.TB, settings string) string {
	t.Helper()
	Require(t, "root", "docker", "mounts", "newer-engine")
	dir, err := os.MkdirTemp("", "engine-") // a short path for the socket
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	config := filepath.Join(dir, "daemon.json")
	require.NoError(t, os.WriteFile(config, []byte(settings), 0o600))
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	address := "unix://" + filepath.Join(dir, "s")
	daemon := exec.Command("unshare", "--net", "sh", "-c", `ip link set lo up && exec "$@"`, "sh", filepath.Join(newerEngine(), "dockerd"),
		"--config-file", config, "--host", address, "--group", TestUser(t).Gid, "--pidfile", filepath.Join(dir, "pid"),
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"))
	daemon.Env = append(os.Environ(), "PATH="+newerEngine()+":"+os.Getenv("PATH"))
	daemon.Stdout, daemon.Stderr = log, log
	require.NoError(t, daemon.Start())
	t.Cleanup(func() {
		require.NoError(t, daemon.Process.Signal(os.Interrupt))
		_ = daemon.Wait() // stops its containers first; its exit code says nothing
		require.NoError(t, log.Close())
		Eventually(t, 30*time.Second, "nothing is left of the engine", func() bool {
			unmountBelow(t, dir)
			return os.RemoveAll(dir) == nil
		})
	})
	Eventually(t, 30*time.Second, "the newer engine answers", func() bool {
		return exec.Command("docker", "--host", address, "version").Run() == nil
	})
	image := filepath.Join(dir, "image")
	Docker(t, "--host", "unix:///var/run/docker.sock", "save", "--output", image, Image(t, "busybox"))
	Docker(t, "--host", address, "load", "--input", image)
	return address
}
