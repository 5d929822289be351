package tree_test

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// captureTree captures a tree from beginning to end.
func captureTree(t testing.TB, root string, opts tree.Options, sink kind.Sink) tree.Result {
	t.Helper()
	c, err := tree.New(root).Capture(t.Context(), opts, sink)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.Prepare(t.Context()))
	require.NoError(t, c.Take(t.Context()))
	result, err := c.Finish(t.Context())
	require.NoError(t, err)
	return result
}

// factsOf returns the rest facts of entries, one line each.
func factsOf(t testing.TB, entries iter.Seq2[tree.Entry, error]) []string {
	t.Helper()
	var lines []string
	last := ""
	for fact, err := range tree.Facts(entries, "", nil) {
		require.NoError(t, err)
		require.True(t, last == "" || kind.CompareNames(last, fact.Name) < 0, "%q after %q", fact.Name, last)
		last = fact.Name
		lines = append(lines, kind.Printable(fact.Name)+": "+fact.Value)
	}
	return lines
}

func liveFacts(t testing.TB, root string, opts tree.Options) []string {
	t.Helper()
	return factsOf(t, tree.New(root).Entries(t.Context(), opts))
}

func apply(t testing.TB, root string, opts tree.Options, manifest kind.Object, source kind.Source) tree.Changes {
	t.Helper()
	changes, err := tree.New(root).Apply(t.Context(), opts, manifest, source)
	require.NoError(t, err)
	return changes
}

func isRoot() bool { return os.Geteuid() == 0 }

// fill makes a tree that has something of everything.
func fill(t *testing.T, root string) {
	t.Helper()
	dir := func(name string, mode uint32) {
		require.NoError(t, os.MkdirAll(filepath.Join(root, name), 0o755))
		require.NoError(t, unix.Chmod(filepath.Join(root, name), mode))
	}
	file := func(name, content string, mode uint32) {
		path := filepath.Join(root, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		require.NoError(t, unix.Chmod(path, mode))
	}
	dir("", 0o755)
	dir("a", 0o2750)
	dir("a/empty", 0o1777)
	dir("-x", 0o700)
	file("a/one", "one", 0o4755)
	file("a-b", "between", 0o640)
	file("empty", "", 0o644)
	file("bad\xff\xfename\nline", "bytes", 0o600)
	file("linked", "same", 0o600)
	require.NoError(t, os.Link(filepath.Join(root, "linked"), filepath.Join(root, "a/linked")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(root, "dangling")))
	require.NoError(t, os.Symlink("/etc", filepath.Join(root, "absolute")))
	require.NoError(t, os.Symlink("a", filepath.Join(root, "todir")))
	require.NoError(t, unix.Mkfifo(filepath.Join(root, "fifo"), 0o600))
	require.NoError(t, unix.Mknod(filepath.Join(root, "socket"), unix.S_IFSOCK|0o660, 0))
	sparse(t, filepath.Join(root, "sparse"))
	require.NoError(t, os.WriteFile(filepath.Join(root, "big"), bytes.Repeat([]byte("0123456789abcdef"), 200_000), 0o600))
	require.NoError(t, unix.Setxattr(filepath.Join(root, "a/one"), "user.note", []byte("x y"), 0))
	require.NoError(t, unix.Setxattr(filepath.Join(root, "a/one"), "user.empty", nil, 0))
	require.NoError(t, unix.Setxattr(filepath.Join(root, "a"), "user.dir", []byte{0, 1}, 0))
	if isRoot() {
		require.NoError(t, unix.Mknod(filepath.Join(root, "char"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
		require.NoError(t, unix.Mknod(filepath.Join(root, "whiteout"), unix.S_IFCHR, 0))
		require.NoError(t, unix.Mknod(filepath.Join(root, "block"), unix.S_IFBLK|0o600, int(unix.Mkdev(7, 200))))
		require.NoError(t, os.Lchown(filepath.Join(root, "dangling"), 1234, 4321))
		require.NoError(t, os.Lchown(filepath.Join(root, "empty"), 999, 999))
		require.NoError(t, unix.Setxattr(filepath.Join(root, "a"), "trusted.overlay.opaque", []byte("y"), 0))
		require.NoError(t, unix.Setxattr(filepath.Join(root, "a"), "trusted.overlay.origin", []byte("z"), 0))
		capability := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		require.NoError(t, unix.Setxattr(filepath.Join(root, "a-b"), "security.capability", capability, 0))
	}
	age(t, filepath.Join(root, "a/one"), -86400, 123456789)
	age(t, filepath.Join(root, "dangling"), 1, 1)
	age(t, filepath.Join(root, "a"), 1_500_000_000, 999_999_999)
}

// sparse makes a file with holes at the beginning, in the middle and at the end.
func sparse(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("data"), 1<<20)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("more"), 3<<20)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(8<<20))
	require.NoError(t, f.Close())
}

func age(t *testing.T, path string, sec, nsec int64) {
	t.Helper()
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: sec, Nsec: nsec}}
	require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, times, unix.AT_SYMLINK_NOFOLLOW))
}

func TestRoundTripOfEverything(t *testing.T) {
	store := kindtest.NewMemory()
	root := filepath.Join(t.TempDir(), "tree")
	fill(t, root)
	want := liveFacts(t, root, tree.Options{})
	result := captureTree(t, root, tree.Options{}, store)
	require.Empty(t, result.Gaps)
	require.False(t, result.Held.IsZero())
	require.Equal(t, want, factsOf(t, result.Entries))
	require.Equal(t, want, factsOf(t, tree.ReadManifest(t.Context(), store, result.Manifest)))

	copied := filepath.Join(t.TempDir(), "deep", "copy")
	changes := apply(t, copied, tree.Options{}, result.Manifest, store)
	require.Empty(t, changes.Gaps)
	require.Equal(t, want, liveFacts(t, copied, tree.Options{}))
	require.Equal(t, listing(t, root), listing(t, copied)) // as others see it
	require.Equal(t, blocksOf(t, filepath.Join(root, "sparse")), blocksOf(t, filepath.Join(copied, "sparse")))

	again, err := tree.New(copied).Compare(t.Context(), tree.Options{}, result.Manifest, store)
	require.NoError(t, err)
	require.True(t, again.None(), "%v", again.Details)
	require.Equal(t, result.Manifest, captureTree(t, copied, tree.Options{}, store).Manifest)
}

// listing describes a tree without the engine.
func listing(t *testing.T, root string) []string {
	t.Helper()
	var lines []string
	require.NoError(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		require.NoError(t, err)
		var st unix.Stat_t
		require.NoError(t, unix.Lstat(path, &st))
		lines = append(lines, fmt.Sprintf("%q %o %d:%d %x %d.%09d", strings.TrimPrefix(path, root), st.Mode, st.Uid, st.Gid, st.Rdev, st.Mtim.Sec, st.Mtim.Nsec))
		return nil
	}))
	return lines
}

func blocksOf(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Lstat(path, &st))
	return st.Blocks
}

func TestGoneRoot(t *testing.T) {
	gone := tree.New(filepath.Join(t.TempDir(), "gone"))
	for _, err := range gone.Entries(t.Context(), tree.Options{}) {
		require.ErrorIs(t, err, kind.ErrGone)
	}
	_, err := gone.Capture(t.Context(), tree.Options{}, kindtest.NewMemory())
	require.ErrorIs(t, err, kind.ErrGone)
}

func TestHeldIsWithinTheCapture(t *testing.T) {
	root := t.TempDir()
	fill(t, root)
	before := time.Now()
	result := captureTree(t, root, tree.Options{}, kindtest.NewMemory())
	require.True(t, kind.Interval{From: before, To: time.Now()}.Covers(result.Held))
	require.False(t, result.Held.To.Before(result.Held.From))
}
