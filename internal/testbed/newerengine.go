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
	return startEngine(t, containerdStore(imageStore), "").Address
}

func containerdStore(yes bool) string {
	return `{"features":{"containerd-snapshotter":` + strconv.FormatBool(yes) + `}}`
}

// CopyingEngine is NewerEngine with the storage driver that copies an image for each container: it keeps no directory with
// only what the container wrote.
func CopyingEngine(t testing.TB) string {
	t.Helper()
	return startEngine(t, `{"storage-driver":"vfs"}`, "").Address
}

// Engine is a Docker 26 that can be ended and started again.
type Engine struct {
	Address string

	t      testing.TB
	dir    string
	data   string
	config string
	daemon *exec.Cmd
}

// EngineIn is NewerEngine with its data in a directory.
func EngineIn(t testing.TB, data string) *Engine {
	t.Helper()
	return startEngine(t, containerdStore(false), data)
}

// startEngine has its data in a directory of its own if data is "".
func startEngine(t testing.TB, settings, data string) *Engine {
	t.Helper()
	Require(t, "root", "docker", "mounts", "newer-engine")
	dir, err := os.MkdirTemp("", "engine-") // a short path for the socket
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	e := &Engine{t: t, dir: dir, data: data, Address: "unix://" + filepath.Join(dir, "s"), config: filepath.Join(dir, "daemon.json")}
	if data == "" {
		e.data = filepath.Join(dir, "data")
	}
	require.NoError(t, os.WriteFile(e.config, []byte(settings), 0o600))
	e.start()
	t.Cleanup(func() {
		e.stop()
		Eventually(t, 30*time.Second, "nothing is left of the engine", func() bool {
			unmountBelow(t, dir)
			unmountBelow(t, e.data)
			return os.RemoveAll(e.data) == nil && os.RemoveAll(dir) == nil
		})
	})
	image := filepath.Join(dir, "image")
	Docker(t, "--host", "unix:///var/run/docker.sock", "save", "--output", image, Image(t, "busybox"))
	Docker(t, "--host", e.Address, "load", "--input", image)
	return e
}

func (e *Engine) start() {
	e.t.Helper()
	log, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(e.t, err)
	defer func() { require.NoError(e.t, log.Close()) }()
	e.daemon = exec.Command("unshare", "--net", "sh", "-c", `ip link set lo up && exec "$@"`, "sh", filepath.Join(newerEngine(), "dockerd"),
		"--config-file", e.config, "--host", e.Address, "--group", TestUser(e.t).Gid, "--pidfile", filepath.Join(e.dir, "pid"),
		"--data-root", e.data, "--exec-root", filepath.Join(e.dir, "exec"))
	e.daemon.Env = append(os.Environ(), "PATH="+newerEngine()+":"+os.Getenv("PATH"))
	e.daemon.Stdout, e.daemon.Stderr = log, log
	require.NoError(e.t, e.daemon.Start())
	Eventually(e.t, 30*time.Second, "the newer engine answers", func() bool {
		return exec.Command("docker", "--host", e.Address, "version").Run() == nil
	})
}

// stop stops its containers first.
func (e *Engine) stop() {
	e.t.Helper()
	require.NoError(e.t, e.daemon.Process.Signal(os.Interrupt))
	_ = e.daemon.Wait() // its exit code says nothing
}

// Restart ends the engine and starts it again. What has a restart policy is started by it.
func (e *Engine) Restart() {
	e.t.Helper()
	e.stop()
	e.start()
}
