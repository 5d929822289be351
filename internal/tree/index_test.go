package tree_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/testbed"
	"dogear/internal/tree"
	"dogear/kind/kindtest"
)

// settled makes a tree old enough for its stat index to be trusted.
func settled(t *testing.T, root string) {
	t.Helper()
	newest := newestCtime(t, root)
	require.Eventually(t, func() bool { return time.Since(newest) > 2100*time.Millisecond }, 10*time.Second, 10*time.Millisecond)
}

func newestCtime(t *testing.T, root string) time.Time {
	t.Helper()
	var newest time.Time
	require.NoError(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		if at := time.Unix(st.Ctim.Unix()); at.After(newest) {
			newest = at
		}
		return nil
	}))
	return newest
}

// opened counts the files that are opened in a directory while do runs.
func opened(t *testing.T, dir string, do func()) int {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Close(fd)) }()
	_, err = unix.InotifyAddWatch(fd, dir, unix.IN_OPEN)
	require.NoError(t, err)
	do()
	count, buf := 0, make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, buf)
		if err != nil {
			require.ErrorIs(t, err, unix.EAGAIN)
			return count
		}
		for events := bytes.NewReader(buf[:n]); events.Len() > 0; {
			event := make([]byte, unix.SizeofInotifyEvent)
			_, err := events.Read(event)
			require.NoError(t, err)
			if mask := uint32(event[4]) | uint32(event[5])<<8 | uint32(event[6])<<16 | uint32(event[7])<<24; mask&unix.IN_ISDIR == 0 {
				count++
			}
			_, err = events.Seek(int64(event[12])|int64(event[13])<<8, 1)
			require.NoError(t, err)
		}
	}
}

func TestUnchangedFilesAreNotOpened(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "tree")
	fill(t, root)
	settled(t, root)
	store, opts := kindtest.NewMemory(), tree.Options{Index: &memoryIndex{}}
	first := captureTree(t, root, opts, store)
	require.Positive(t, first.BytesRead)

	var second tree.Result
	require.Zero(t, opened(t, root, func() { second = captureTree(t, root, opts, store) }))
	require.Zero(t, second.BytesRead)
	require.Equal(t, first.Manifest, second.Manifest)
	require.Zero(t, opened(t, root, func() { liveFacts(t, root, opts) }), "Entries")
	before := kindtest.Inodes(t, root)
	require.Zero(t, opened(t, root, func() {
		require.True(t, apply(t, root, opts, first.Manifest, store).None())
	}), "Apply")
	require.Equal(t, before, kindtest.Inodes(t, root))

	require.NoError(t, os.WriteFile(filepath.Join(root, "a-b"), []byte("changed"), 0o600))
	count := opened(t, root, func() { captureTree(t, root, opts, store) })
	// Take reads again what had changed right before Prepare read it.
	require.Contains(t, []int{1, 2}, count)
}

func TestChunksThatTheSinkLostAreReadAgain(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "tree")
	fill(t, root)
	settled(t, root)
	store, opts := kindtest.NewMemory(), tree.Options{Index: &memoryIndex{}}
	first := captureTree(t, root, opts, store)
	store.Clear()
	second := captureTree(t, root, opts, store)
	require.Equal(t, first.Manifest, second.Manifest)
	require.Equal(t, first.BytesRead, second.BytesRead)
	apply(t, filepath.Join(t.TempDir(), "copy"), tree.Options{}, second.Manifest, store)
}

func TestDamagedIndexIsNoIndex(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "tree")
	fill(t, root)
	settled(t, root)
	store, index := kindtest.NewMemory(), &memoryIndex{}
	want := captureTree(t, root, tree.Options{Index: index}, store)
	good := index.content
	for _, damaged := range [][]byte{
		nil, []byte("x"), good[:len(good)/2], good[1:],
		bytes.Replace(good, []byte("dogear stat index 3"), []byte("dogear stat index 9"), 1),
		append(bytes.Clone(good[:100]), append([]byte{good[100] ^ 1}, good[101:]...)...),
	} {
		got := captureTree(t, root, tree.Options{Index: &memoryIndex{content: damaged}}, store)
		require.Equal(t, want.Manifest, got.Manifest)
		require.Equal(t, want.BytesRead, got.BytesRead, "everything is read")
	}
}

func TestIndexOfFreshFilesIsNotTrusted(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	path := filepath.Join(root, "file")
	require.NoError(t, os.WriteFile(path, []byte("one"), 0o600))
	store, opts := kindtest.NewMemory(), tree.Options{Index: &memoryIndex{}}
	captureTree(t, root, opts, store)
	require.Positive(t, captureTree(t, root, opts, store).BytesRead)
	settled(t, root)
	captureTree(t, root, opts, store)
	require.Zero(t, captureTree(t, root, opts, store).BytesRead)
}

// coarse mounts a file system whose times are whole seconds.
func coarse(t *testing.T) string {
	t.Helper()
	testbed.Require(t, "mounts", "ext4")
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, 8<<20))
	testbed.Run(t, "mkfs.ext4", "-q", "-F", "-I", "128", image)
	testbed.Run(t, "mount", "-o", "loop", image, dir)
	t.Cleanup(func() { testbed.Run(t, "umount", dir) })
	require.NoError(t, os.Mkdir(filepath.Join(dir, "tree"), 0o700))
	return filepath.Join(dir, "tree")
}

// On a file system with whole seconds, a file can change without any sign.
// The racy-clean rule must not trust a stamp that is that young.
func TestChangesWithoutASignAreSeen(t *testing.T) {
	t.Parallel()
	root := coarse(t)
	path := filepath.Join(root, "file")
	stat := func() (st unix.Stat_t) {
		require.NoError(t, unix.Lstat(path, &st))
		return st
	}
	rewrite := func(content string) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		require.NoError(t, err)
		_, err = f.WriteString(content)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	for _, test := range []struct {
		name    string
		capture func(c tree.Capture, store *kindtest.Memory, opts tree.Options, change func()) tree.Result
	}{
		{"after the index was written", func(_ tree.Capture, store *kindtest.Memory, opts tree.Options, change func()) tree.Result {
			liveFacts(t, root, opts)
			change()
			return captureTree(t, root, opts, store)
		}},
		{"between Prepare and Take", func(c tree.Capture, _ *kindtest.Memory, _ tree.Options, change func()) tree.Result {
			require.NoError(t, c.Prepare(t.Context()))
			change()
			require.NoError(t, c.Take(t.Context()))
			result, err := c.Finish(t.Context())
			require.NoError(t, err)
			return result
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			invisible := false
			for range 5 {
				store, opts := kindtest.NewMemory(), tree.Options{Index: &memoryIndex{}}
				rewrite("before")
				c, err := tree.New(root).Capture(t.Context(), opts, store)
				require.NoError(t, err)
				before := stat()
				result := test.capture(c, store, opts, func() { rewrite("after!") })
				require.NoError(t, c.Close())
				after := stat()
				after.Atim = before.Atim
				invisible = invisible || before == after
				copied := filepath.Join(t.TempDir(), "copy")
				apply(t, copied, tree.Options{}, result.Manifest, store)
				content, err := os.ReadFile(filepath.Join(copied, "file"))
				require.NoError(t, err)
				require.Equal(t, "after!", string(content))
				if invisible {
					return
				}
			}
			require.True(t, invisible, "the change never was without a sign: this proves nothing")
		})
	}
}
