package tree_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"dogear/internal/testbed"
	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// edit changes some entries of a tree in some way. What it does to one that
// is gone meanwhile comes to nothing.
func edit(t *rapid.T, root string, label string) {
	var paths []string
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	}))
	slices.Sort(paths)
	for i := range rapid.IntRange(0, 6).Draw(t, label) {
		path := rapid.SampledFrom(paths).Draw(t, "path")
		what := rapid.IntRange(0, 9).Draw(t, "edit")
		if path == root && what < 6 {
			continue
		}
		other := path + rapid.SampledFrom([]string{"", "+", "\n\xfe"}).Draw(t, "suffix")
		switch what {
		case 0:
			_ = os.RemoveAll(path)
		case 1:
			_ = os.Rename(path, other+"~")
		case 2:
			_ = os.RemoveAll(other)
			_ = os.Symlink("elsewhere", other)
		case 3:
			_ = os.RemoveAll(path)
			_ = os.MkdirAll(filepath.Join(path, "new"), 0o750)
		case 4:
			_ = os.Link(path, other+"linked")
		case 5:
			if st, err := os.Lstat(path); err == nil && st.Mode().IsRegular() {
				_ = os.WriteFile(path, []byte(fmt.Sprint("edited ", i)), 0o600)
			}
		case 6:
			if st, err := os.Lstat(path); err == nil && st.Mode()&fs.ModeSymlink == 0 {
				_ = unix.Chmod(path, rapid.SampledFrom([]uint32{0o700, 0o2751, 0o1777}).Draw(t, "mode"))
			}
		case 7:
			_ = unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{{Nsec: unix.UTIME_OMIT},
				{Sec: rapid.SampledFrom([]int64{-1 << 31, -1, 0, 1 << 33}).Draw(t, "sec"), Nsec: 999_999_999}}, unix.AT_SYMLINK_NOFOLLOW)
		case 8:
			_ = unix.Lsetxattr(path, "user.edited", []byte{byte(i), 0, 0xff}, 0)
		case 9:
			_ = unix.Lremovexattr(path, "user.a")
		}
	}
}

// Any tree that is captured while it changes comes back as it was at the end
// of the capture, whatever is done to it then; and then there is nothing to
// do. The system's word is taken for it, not the engine's.
func TestAnyTreeComesBack(t *testing.T) {
	t.Parallel()
	testbed.Property(t, 400, comesBack)
}

func comesBack(t testing.TB, r *rapid.T, root string) {
	grow(r, root)
	store, opts := kindtest.NewMemory(), tree.Options{Index: &memoryIndex{}}
	if rapid.Bool().Draw(r, "in place") {
		opts.InPlace = []kind.Pattern{"**/c", "**/e"}
	}
	c, err := tree.New(root).Capture(t.Context(), opts, store)
	require.NoError(r, err)
	require.NoError(r, c.Prepare(t.Context()))
	edit(r, root, "edits while capturing")
	require.NoError(r, c.Take(t.Context()))
	result, err := c.Finish(t.Context())
	require.NoError(r, err)
	require.NoError(r, c.Close())
	want := testbed.Witness(r, root)
	rootInode := inode(t, root)

	edit(r, root, "edits")
	expected, err := tree.New(root).Compare(t.Context(), opts, result.Manifest, store)
	require.NoError(r, err)
	changes, err := tree.New(root).Apply(t.Context(), opts, result.Manifest, store)
	require.NoError(r, err)
	changes.Cloned = 0
	require.Equal(r, expected, changes)
	require.Equal(r, want, testbed.Witness(r, root))
	require.Equal(r, rootInode, inode(t, root))

	before := kindtest.Inodes(t, root)
	again, err := tree.New(root).Apply(t.Context(), opts, result.Manifest, store)
	require.NoError(r, err)
	require.True(r, again.None(), "%v", again.Details)
	require.Equal(r, before, kindtest.Inodes(t, root))
}
