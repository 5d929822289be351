package testbed

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// nobody is a user that owns nothing.
const nobody = 65534

// Forbidden calls f where DOCKER_HOST names a socket that f may not use. To
// root nothing is forbidden, so its thread opens files as nobody meanwhile.
func Forbidden(t testing.TB, f func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	require.NoError(t, os.Chmod(path, 0))
	t.Setenv("DOCKER_HOST", "unix://"+path)

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	me := os.Geteuid()
	require.NoError(t, unix.Setfsuid(nobodyUnless(me)))
	defer func() { require.NoError(t, unix.Setfsuid(me)) }()
	f()
}

func nobodyUnless(me int) int {
	if me == 0 {
		return nobody
	}
	return me
}
