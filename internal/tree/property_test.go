package tree_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"dogear/internal/testbed"
	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// grow makes a random tree at root. Names come from a small pool, so that two
// trees have much in common and differ in type, content and attributes.
func grow(t *rapid.T, root string) {
	require.NoError(t, os.Mkdir(root, 0o755))
	names := []string{"a", "b", "c-d", "c", "\xff\n", "e"}
	dirs := []string{root}
	var files []string
	for i := range rapid.IntRange(0, 25).Draw(t, "entries") {
		dir := rapid.SampledFrom(dirs).Draw(t, "dir")
		path := filepath.Join(dir, rapid.SampledFrom(names).Draw(t, "name"))
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		switch rapid.IntRange(0, 9).Draw(t, "type") {
		case 0, 1, 2:
			require.NoError(t, os.Mkdir(path, 0o755))
			dirs = append(dirs, path)
		case 3:
			require.NoError(t, os.Symlink(rapid.SampledFrom([]string{"a", "/etc", "../b"}).Draw(t, "target"), path))
		case 4:
			require.NoError(t, unix.Mkfifo(path, 0o600))
		case 5:
			if len(files) > 0 {
				require.NoError(t, os.Link(rapid.SampledFrom(files).Draw(t, "link"), path))
			}
			continue
		default:
			growFile(t, path)
			files = append(files, path)
		}
		decorate(t, path, i)
	}
}

func growFile(t *rapid.T, path string) {
	// Large files (paged, if in place) are the price of a case: one in ten is enough.
	size := rapid.SampledFrom([]int{0, 1, 1, 5000, 5000, 5000, 5000, 5000, 70_000, 1_100_000}).Draw(t, "size")
	content := bytes.Repeat([]byte{byte(rapid.IntRange(0, 3).Draw(t, "byte"))}, size)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	if rapid.Bool().Draw(t, "hole") {
		require.NoError(t, os.Truncate(path, int64(size)+1<<16))
	}
}

// decorate gives an entry random attributes.
func decorate(t *rapid.T, path string, i int) {
	var st unix.Stat_t
	require.NoError(t, unix.Lstat(path, &st))
	if isRoot() {
		require.NoError(t, os.Lchown(path, rapid.IntRange(0, 2).Draw(t, "uid"), rapid.IntRange(0, 2).Draw(t, "gid")))
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		modes := []uint32{0o700, 0o755, 0o4755, 0o3777, 0o700}
		require.NoError(t, unix.Chmod(path, rapid.SampledFrom(modes).Draw(t, "mode")))
	}
	if f := st.Mode & unix.S_IFMT; f == unix.S_IFREG || f == unix.S_IFDIR {
		for range rapid.IntRange(0, 2).Draw(t, "attributes") {
			name := rapid.SampledFrom([]string{"user.a", "user.b"}).Draw(t, "attribute")
			require.NoError(t, unix.Setxattr(path, name, []byte{byte(i)}, 0))
		}
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: rapid.Int64Range(-100, 100).Draw(t, "sec"), Nsec: int64(i)}}
	require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, times, unix.AT_SYMLINK_NOFOLLOW))
}

// Any tree becomes any other, exactly, and then nothing is left to do.
func TestAnyTreeBecomesAnyOther(t *testing.T) {
	t.Parallel()
	testbed.Property(t, 100, func(t testing.TB, r *rapid.T, dir string) {
		root, other := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		require.NoError(r, os.Mkdir(dir, 0o700))
		grow(r, root)
		grow(r, other)
		opts := tree.Options{Index: &memoryIndex{}}
		if rapid.Bool().Draw(r, "in place") {
			opts.InPlace = []kind.Pattern{"**/c", "**/e"}
		}
		store := kindtest.NewMemory()
		result := captureTree(t, root, opts, store)
		want := liveFacts(t, root, opts)
		require.Equal(r, want, factsOf(t, result.Entries))

		opts.Index = &memoryIndex{}
		expected, err := tree.New(other).Compare(t.Context(), opts, result.Manifest, store)
		require.NoError(r, err)
		changes := apply(t, other, opts, result.Manifest, store)
		require.Equal(r, expected, changes)
		require.Equal(r, want, liveFacts(t, other, opts))

		before := kindtest.Inodes(t, other)
		require.True(r, apply(t, other, opts, result.Manifest, store).None())
		require.Equal(r, before, kindtest.Inodes(t, other))
	})
}

// memoryIndex is a stat index in memory.
type memoryIndex struct{ content []byte }

func (i *memoryIndex) Load() []byte { return i.content }

func (i *memoryIndex) Save(content []byte) error {
	i.content = bytes.Clone(content)
	return nil
}
