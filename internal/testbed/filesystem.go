package testbed

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
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
	t.Cleanup(func() { Run(t, "umount", mounted) })
	dir := filepath.Join(mounted, "dir")
	require.NoError(t, os.Mkdir(dir, 0o755))
	return dir
}
