package testbed

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Podman starts a Podman of its own, with the busybox image, for the length of
// the test, and returns the address of its Docker-compatible socket.
func Podman(t testing.TB) string {
	t.Helper()
	Require(t, "root", "podman")
	dir, err := os.MkdirTemp("", "podman-") // a short path for the socket
	require.NoError(t, err)
	flags := []string{
		"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--tmpdir", filepath.Join(dir, "tmp"),
		"--cgroup-manager", "cgroupfs", "--events-backend", "file",
	}
	// Its own limits may be more than a container may have where this runs.
	limits := filepath.Join(dir, "containers.conf")
	require.NoError(t, os.WriteFile(limits, []byte("[containers]\ndefault_ulimits = [\"nofile=1024:1024\",\"nproc=4096:4096\"]\n"), 0o600))
	address := "unix://" + filepath.Join(dir, "s")
	service := exec.Command("podman", append(flags, "system", "service", "--time", "0", address)...)
	service.Env = append(os.Environ(), "CONTAINERS_CONF="+limits)
	require.NoError(t, service.Start())
	t.Cleanup(func() {
		Run(t, "podman", append(flags, "rm", "--all", "--force", "--time", "0")...)
		require.NoError(t, service.Process.Kill())
		_ = service.Wait() // it was killed
		// Its helpers clear up behind a container in their own time, and mount for that.
		Eventually(t, 30*time.Second, "nothing is left of Podman", func() bool {
			unmountBelow(t, dir)
			return os.RemoveAll(dir) == nil
		})
	})
	Eventually(t, 30*time.Second, "Podman answers", func() bool {
		return exec.Command("docker", "--host", address, "version").Run() == nil
	})
	image := filepath.Join(dir, "image")
	Docker(t, "save", "--output", image, Image(t, "busybox"))
	Docker(t, "--host", address, "load", "--input", image)
	return address
}

// unmountBelow unmounts what is mounted in a directory, the innermost first.
func unmountBelow(t testing.TB, dir string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	var points []string
	for line := range strings.Lines(string(mounts)) {
		if point := strings.Fields(line)[1]; strings.HasPrefix(point, dir+"/") {
			points = append([]string{point}, points...)
		}
	}
	for _, point := range points {
		Unmount(t, point)
	}
}
