package tree_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/testbed"
	"dogear/internal/tree"

	"dogear/kind/kindtest"
)

// Somebody swaps directories for links out of the tree, over and over, while
// it is being restored. Whatever comes of the restore, nothing outside is
// touched; and once nobody disturbs it, it comes out right.
func TestDirectoriesSwappedForLinksDoNotLeadOut(t *testing.T) {
	t.Run("as ourselves", func(t *testing.T) { swaps(t, t.TempDir()) })
	t.Run("as nobody", func(t *testing.T) {
		if base, ok := asNobody(t); ok {
			swaps(t, base)
		}
	})
}

func swaps(t *testing.T, base string) {
	store, wanted := kindtest.NewMemory(), filepath.Join(base, "wanted")
	for i := range 200 {
		writeFile(t, filepath.Join(wanted, "a", fmt.Sprint(i%5), "b", fmt.Sprint(i)), fmt.Sprint("content ", i))
	}
	manifest := captureTree(t, wanted, tree.Options{}, store).Manifest
	want := liveFacts(t, wanted, tree.Options{})
	outside := filepath.Join(base, "outside")
	for i := range 5 { // what could be overwritten and what could be removed
		writeFile(t, filepath.Join(outside, fmt.Sprint(i), "b", fmt.Sprint(i)), "mine")
		writeFile(t, filepath.Join(outside, "b", fmt.Sprint(i)), "mine")
	}
	before := kindtest.Inodes(t, outside)
	for round := range 12 {
		root := filepath.Join(base, fmt.Sprint("root", round))
		for i := range 5 {
			writeFile(t, filepath.Join(root, "a", fmt.Sprint(i), "b/extra"), "extra")
		}
		stop := swapUntil(root, outside, round)
		_, err := tree.New(root).Apply(t.Context(), tree.Options{}, manifest, store)
		swapped := stop()
		require.Equal(t, before, kindtest.Inodes(t, outside), "%d swaps, %v", swapped, err)
		require.NotZero(t, swapped)
		apply(t, root, tree.Options{}, manifest, store)
		require.Equal(t, want, liveFacts(t, root, tree.Options{}))
	}
	require.Equal(t, before, kindtest.Inodes(t, outside))
}

// swapUntil swaps a directory for a link and back until it is stopped, which
// returns how often.
func swapUntil(root, outside string, round int) (stop func() int) {
	victim := filepath.Join(root, []string{"a", "a/1", "a/2/b"}[round%3])
	link, aside := filepath.Join(root, "link"), filepath.Join(root, "aside")
	var done sync.WaitGroup
	n, end := 0, make(chan struct{})
	done.Go(func() {
		for {
			if os.Symlink(outside, link) == nil && os.Rename(victim, aside) == nil {
				_ = os.Rename(link, victim)
				_ = os.Remove(victim)
				_ = os.Rename(aside, victim)
			}
			_ = os.Remove(link)
			n++
			select {
			case <-end:
				return
			default:
			}
		}
	})
	return func() int {
		close(end)
		done.Wait()
		return n
	}
}

// A file system that is mounted in the tree while it is being restored is not
// written to.
func TestPlantedMountIsNotEntered(t *testing.T) {
	testbed.Require(t, "root")
	store, wanted, root, outside := kindtest.NewMemory(), t.TempDir(), t.TempDir(), t.TempDir()
	for i := range 300 {
		writeFile(t, filepath.Join(wanted, "d", fmt.Sprint(i%3), fmt.Sprint(i)), fmt.Sprint(fromManifest, i))
	}
	manifest := captureTree(t, wanted, tree.Options{}, store).Manifest
	require.NoError(t, os.Chmod(outside, 0o700))
	before := kindtest.Inodes(t, outside)
	planted := filepath.Join(root, "d/2")
	plant := sync.OnceValue(func() error { return unix.Mount(outside, planted, "", unix.MS_BIND, "") })
	_, err := tree.New(root).Apply(t.Context(), tree.Options{}, manifest, &plantingSource{Source: store, plant: func() error {
		if _, err := os.Lstat(planted); err != nil {
			return nil // the manifest is being read
		}
		return plant()
	}})
	require.NoError(t, plant())
	t.Cleanup(func() { require.NoError(t, unix.Unmount(planted, unix.MNT_DETACH)) })
	require.ErrorIs(t, err, unix.EXDEV)
	require.Equal(t, before, kindtest.Inodes(t, outside))
}

// Whatever stands where something else should be is replaced, and neither
// read from, written to nor followed.
func TestWhateverIsInTheWayIsReplaced(t *testing.T) {
	store, wanted, outside := kindtest.NewMemory(), t.TempDir(), filepath.Join(t.TempDir(), "outside")
	writeFile(t, outside, "mine")
	mine := inode(t, outside)
	names := []string{"file", "dir/file", "link"}
	writeFile(t, filepath.Join(wanted, "file"), "content")
	writeFile(t, filepath.Join(wanted, "dir/file"), "content")
	require.NoError(t, os.Symlink("file", filepath.Join(wanted, "link")))
	manifest := captureTree(t, wanted, tree.Options{}, store).Manifest
	want := liveFacts(t, wanted, tree.Options{})
	obstacles := map[string]func(path string) error{
		"fifo":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"socket":    func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o600, 0) },
		"link":      func(path string) error { return os.Symlink(outside, path) },
		"dangling":  func(path string) error { return os.Symlink("nowhere", path) },
		"hard link": func(path string) error { return os.Link(outside, path) },
		"directory": func(path string) error { return os.MkdirAll(path+"/below", 0o755) },
	}
	if isRoot() {
		obstacles["device"] = func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 8))) }
		obstacles["whiteout"] = func(path string) error { return unix.Mknod(path, unix.S_IFCHR, 0) }
	}
	for title, place := range obstacles {
		for _, name := range append(names, "dir") {
			root := t.TempDir()
			apply(t, root, tree.Options{}, manifest, store)
			require.NoError(t, os.RemoveAll(filepath.Join(root, name)))
			require.NoError(t, place(filepath.Join(root, name)), title)
			apply(t, root, tree.Options{}, manifest, store)
			require.Equal(t, want, liveFacts(t, root, tree.Options{}), "%s at %s", title, name)
		}
	}
	content, err := os.ReadFile(outside)
	require.NoError(t, err)
	require.Equal(t, "mine", string(content))
	require.Equal(t, mine, inode(t, outside))
}

// A file system that fills up half-way ends the restore with a clear error.
// What is there then is old or whole, nothing is left over, and with more
// space the next run completes it.
func TestFullFileSystem(t *testing.T) {
	store, wanted := kindtest.NewMemory(), t.TempDir()
	root := filepath.Join(testbed.Filesystem(t, "ext4", 16<<20), "tree")
	content := func(i int) string { return fmt.Sprintf("%0200000d", i) }
	for i := range 40 {
		writeFile(t, filepath.Join(wanted, "d", fmt.Sprint(i)), content(i))
	}
	manifest := captureTree(t, wanted, tree.Options{}, store).Manifest
	want := liveFacts(t, wanted, tree.Options{})
	writeFile(t, filepath.Join(root, "d/3"), "old")
	ballast := filepath.Join(filepath.Dir(root), "ballast")
	writeFile(t, ballast, string(make([]byte, 8<<20)))

	_, err := tree.New(root).Apply(t.Context(), tree.Options{}, manifest, store)
	require.ErrorIs(t, err, unix.ENOSPC)
	require.ErrorContains(t, err, "no space left")
	require.Empty(t, leftovers(t, root))
	whole := 0
	for i := range 40 {
		have, err := os.ReadFile(filepath.Join(root, "d", fmt.Sprint(i)))
		if err == nil && (i != 3 || string(have) != "old") {
			require.Equal(t, content(i), string(have))
			whole++
		}
	}
	require.NotZero(t, whole)
	require.NoError(t, os.Remove(ballast))
	apply(t, root, tree.Options{}, manifest, store)
	require.Equal(t, want, liveFacts(t, root, tree.Options{}))
}
