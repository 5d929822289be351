package testbed

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// makers are the programs that make a file system, without the image to make it in.
var makers = map[string][]string{
	"btrfs": {"mkfs.btrfs", "--quiet"},
	"xfs":   {"mkfs.xfs", "-q"},
	"ext4":  {"mkfs.ext4", "-q", "-F"},
}

// Filesystem makes a file system of the given kind (btrfs, xfs, ext4) in a sparse file of size bytes, mounts it for the
// length of the test, and returns an empty directory in it. xfs wants 300 MiB, btrfs 110 MiB.
func Filesystem(t testing.TB, kind string, size int64) string {
	t.Helper()
	Require(t, "mounts", kind)
	image, mounted := filepath.Join(t.TempDir(), "image"), t.TempDir()
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, size))
	maker := makers[kind]
	Run(t, maker[0], append(maker[1:len(maker):len(maker)], image)...)
	Run(t, "mount", "-o", "loop", image, mounted)
	t.Cleanup(func() { Unmount(t, mounted) })
	dir := filepath.Join(mounted, "dir")
	require.NoError(t, os.Mkdir(dir, 0o755))
	return dir
}

// Unmount waits for whoever merely looks at what is mounted, as programs that go through all of a machine's files do.
func Unmount(t testing.TB, dir string) {
	t.Helper()
	Eventually(t, 10*time.Second, dir+" is not in use", func() bool {
		err := unix.Unmount(dir, 0)
		require.True(t, err == nil || errors.Is(err, unix.EBUSY), "unmount %s: %v", dir, err)
		return err == nil
	})
}

// Fill fills a file system until so many bytes are free, and returns the file that fills it. With 0 not one block is
// left.
func Fill(t testing.TB, dir string, free int64) string {
	t.Helper()
	f, err := os.CreateTemp(dir, "filler-")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	size := int64(0)
	for step := int64(8 << 20); step >= 4096; {
		// A file system needs blocks to say which blocks a file has.
		if Unallocated(t, dir)-step < free || unix.Fallocate(int(f.Fd()), 0, size, step) != nil {
			step /= 2
			continue
		}
		size += step
	}
	if free == 0 {
		fillUp(t, f)
	}
	return f.Name()
}

// fillUp takes what the file system has kept for such lists.
func fillUp(t testing.TB, f *os.File) {
	t.Helper()
	_, err := f.Seek(0, io.SeekEnd)
	for err == nil {
		if _, err = f.Write(make([]byte, 4096)); err == nil {
			err = f.Sync()
		}
	}
	require.ErrorIs(t, err, unix.ENOSPC)
}

// Unallocated returns the bytes of a file system that are free, root's reserve included. What is allocated late counts
// as well.
func Unallocated(t testing.TB, dir string) int64 {
	t.Helper()
	Run(t, "sync", "-f", dir)
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &st))
	return int64(st.Bfree) * st.Bsize
}
