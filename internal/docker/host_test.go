package docker_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
)

func TestNoEngine(t *testing.T) {
	dir := t.TempDir()
	for name, host := range map[string]string{
		"no socket":   "unix://" + filepath.Join(dir, "none.sock"),
		"dead socket": "unix://" + deadSocket(t, dir),
		"no port":     "tcp://127.0.0.1:1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DOCKER_HOST", host)
			_, err := docker.Connect(t.Context(), docker.Options{})
			require.ErrorIs(t, err, docker.ErrNoEngine)
			require.ErrorContains(t, err, host)
		})
	}
}

// deadSocket returns a socket on which nobody listens any more.
func deadSocket(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "dead.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	listener.SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
	return path
}

func TestForbiddenEngine(t *testing.T) {
	testbed.Forbidden(t, func() {
		_, err := docker.Connect(t.Context(), docker.Options{})
		require.ErrorIs(t, err, docker.ErrDenied)
		require.NotErrorIs(t, err, docker.ErrNoEngine)
	})
}

// TestContext uses the engine of the current docker context.
func TestContext(t *testing.T) {
	testbed.Require(t, "docker")
	config := t.TempDir()
	name := sha256.Sum256([]byte("elsewhere"))
	meta := filepath.Join(config, "contexts", "meta", hex.EncodeToString(name[:]))
	require.NoError(t, os.MkdirAll(meta, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(config, "config.json"), []byte(`{"currentContext":"elsewhere"}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(meta, "meta.json"),
		[]byte(`{"Name":"elsewhere","Endpoints":{"docker":{"Host":"unix:///nowhere/docker.sock"}}}`), 0o600))
	t.Setenv("DOCKER_CONFIG", config)
	t.Setenv("DOCKER_HOST", "")
	_, err := docker.Connect(t.Context(), docker.Options{})
	require.ErrorIs(t, err, docker.ErrNoEngine)
	require.ErrorContains(t, err, "/nowhere/docker.sock")

	t.Setenv("DOCKER_CONTEXT", "default")
	engine, err := docker.Connect(t.Context(), docker.Options{})
	require.NoError(t, err)
	require.NotEmpty(t, engine.DataRoot())
	require.NoError(t, engine.Close())
}
