package testbed

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestFilesystems(t *testing.T) {
	t.Parallel()
	for kind, magic := range map[string]int64{
		"btrfs": unix.BTRFS_SUPER_MAGIC, "xfs": unix.XFS_SUPER_MAGIC, "ext4": unix.EXT4_SUPER_MAGIC,
	} {
		var mounted string
		t.Run(kind, func(t *testing.T) {
			dir := Filesystem(t, kind, 300<<20)
			mounted = filepath.Dir(dir)
			var st unix.Statfs_t
			require.NoError(t, unix.Statfs(dir, &st))
			require.Equal(t, magic, int64(st.Type))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600))
		})
		require.NoFileExists(t, filepath.Join(mounted, "dir", "file"), "it is unmounted with the test")
	}
}
