package testbed

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rootlessScript is where Debian has the script that starts Docker without root.
const rootlessScript = "/usr/share/docker.io/contrib/dockerd-rootless.sh"

func checkRootless() error {
	for _, name := range []string{"rootlesskit", "newuidmap", "slirp4netns"} {
		if err := programCheck(name)(); err != nil {
			return err
		}
	}
	if _, err := os.Stat(rootlessScript); err != nil {
		return errors.New("there is no " + rootlessScript + "; " + setUp)
	}
	return nil
}

// Rootless starts a Docker of the test user's own, without root, with the busybox image, for the length of the test, and
// returns its address. It has no control groups, as there is no systemd to ask for some.
func Rootless(t testing.TB) string {
	t.Helper()
	Require(t, "root", "docker", "mounts", "rootless")
	owner := TestUser(t)
	home, err := os.MkdirTemp("", "rootless-")
	require.NoError(t, err)
	run := filepath.Join(home, "run")
	require.NoError(t, os.Mkdir(run, 0o700))
	Run(t, "chown", "-R", owner.Username, home)
	log, err := os.Create(filepath.Join(home, "log"))
	require.NoError(t, err)
	// Elsewhere the device for its network is everybody's.
	const script = `mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec setpriv --reuid "$1" --regid "$1" --init-groups "$2" --data-root "$3" --exec-root "$4"`
	daemon := exec.Command("unshare", "--mount", "sh", "-c", script, "sh", owner.Username, rootlessScript, filepath.Join(home, "data"), filepath.Join(run, "exec"))
	daemon.Env = append(os.Environ(), "HOME="+home, "XDG_RUNTIME_DIR="+run, "DOCKER_HOST=", "DOCKERD_ROOTLESS_ROOTLESSKIT_NET=slirp4netns")
	daemon.Stdout, daemon.Stderr = log, log
	require.NoError(t, daemon.Start())
	t.Cleanup(func() {
		require.NoError(t, daemon.Process.Signal(syscall.SIGTERM))
		_ = daemon.Wait() // stops its containers first; its exit code says nothing
		require.NoError(t, log.Close())
		Eventually(t, 30*time.Second, "nothing is left of the engine", func() bool { return os.RemoveAll(home) == nil })
	})
	address := "unix://" + filepath.Join(run, "docker.sock")
	Eventually(t, 30*time.Second, "Docker without root answers", func() bool {
		return exec.Command("docker", "--host", address, "version").Run() == nil
	})
	image := filepath.Join(home, "image")
	Docker(t, "--host", "unix:///var/run/docker.sock", "save", "--output", image, Image(t, "busybox"))
	Docker(t, "--host", address, "load", "--input", image)
	return address
}
