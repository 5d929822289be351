package tree

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// heldFile is a file under a lease, with the node of it.
func heldFile(t *testing.T) (path string, h *holding, n node) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("x"), pageSize), 0o600))
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	h = &holding{}
	require.True(t, h.lease(fd))
	require.NoError(t, h.keep(fd, &Entry{Path: "file"}, newPages(1, pageSize)))
	require.NoError(t, unix.Close(fd))
	t.Cleanup(func() { require.NoError(t, h.release()) })
	var st unix.Statx_t
	require.NoError(t, statx(unix.AT_FDCWD, path, &st))
	return path, h, node{path: "file", typ: Regular, stamp: stampOf(&st)}
}

// later is when no change can hide behind the stamps of a file that was just
// written.
func later() time.Time { return time.Now().Add(time.Second) }

// What is in a file is known as long as nobody else has opened it, and only once
// no change can hide behind its stamp; whoever wants to open it waits for as long.
// Fails without GETLEASE, and without settles.
func TestWhatIsHeldIsKnownUntilSomebodyOpensIt(t *testing.T) {
	path, h, n := heldFile(t)
	_, known := h.files["file"].record(&n, time.Now())
	require.False(t, known, "it was written in this very tick")
	_, known = h.files["file"].record(&n, later())
	require.True(t, known)

	opened := make(chan error)
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			err = f.Close()
		}
		opened <- err
	}()
	require.Eventually(t, func() bool {
		_, known := h.files["file"].record(&n, later())
		return !known
	}, 10*time.Second, time.Millisecond, "somebody wants to write")
	rest, inHand, err := h.records([]node{n}, later)
	require.NoError(t, err)
	require.Len(t, rest, 1, "it is read again")
	require.Empty(t, inHand)
	require.NoError(t, <-opened, "it was let go")
}

// A file that somebody has open is not held, nor one that is another by now.
func TestWhatOthersHaveOpenIsNotHeld(t *testing.T) {
	path, h, n := heldFile(t)
	n.stamp.ino++
	_, known := h.files["file"].record(&n, later())
	require.False(t, known, "another file has its name")
	require.NoError(t, h.release())

	reader, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Close()) }()
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Close(fd)) }()
	require.False(t, h.lease(fd))
}
