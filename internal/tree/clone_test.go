package tree_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/testbed"
	"dogear/internal/tree"
	"dogear/kind/kindtest"
)

// Where files can share blocks, what changed is cloned instead of copied: it
// leaves no trace in the tree, and has the content of its moment.
func TestLargeFilesAreClonedWhereThatIsPossible(t *testing.T) {
	t.Parallel()
	for kind, cloned := range map[string]int{"btrfs": 3, "xfs": 3, "ext4": 0} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			root, store := testbed.Filesystem(t, kind, 400<<20), kindtest.NewMemory()
			var files []*edited
			for i, name := range []string{"db", "db-new", "ordinary"} {
				e := &edited{t: t, path: filepath.Join(root, name)}
				e.write(0, noise(uint64(i+1), 5<<20+i))
				e.truncate(9 << 20)
				files = append(files, e)
			}
			opts := pagedOptions()
			c := openCapture(t, root, opts, store)
			require.NoError(t, os.Rename(files[1].path, files[1].path+".away"))
			require.NoError(t, c.Prepare(t.Context()))
			require.NoError(t, os.Rename(files[1].path+".away", files[1].path))
			var want [][]byte
			for _, e := range files {
				e.scatter(3)
				want = append(want, bytes.Clone(e.content))
			}
			before := directory(t, root)
			require.NoError(t, c.Take(t.Context()))
			require.Equal(t, before, directory(t, root))
			for _, e := range files {
				e.scatter(5)
			}
			result := finish(t, c)
			require.Equal(t, cloned, result.Delta.Cloned)
			require.Equal(t, 3-cloned, result.Delta.Copied)
			copied := filepath.Join(t.TempDir(), "copy")
			apply(t, copied, tree.Options{}, result.Manifest, store)
			for i, e := range files {
				sameBytes(t, want[i], filepath.Join(copied, filepath.Base(e.path)))
			}
		})
	}
}

// directory returns all that a directory tells of itself.
func directory(t *testing.T, path string) (st unix.Stat_t) {
	t.Helper()
	require.NoError(t, unix.Stat(path, &st))
	st.Atim = unix.Timespec{}
	return st
}
