package tree_test

import (
	"bytes"
	"crypto/sha256"
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

// ticked waits until the kernel's clock has moved on from the last change.
func ticked(t *testing.T, root string) {
	t.Helper()
	newest := newestCtime(t, root)
	require.Eventually(t, func() bool { return time.Since(newest) > 20*time.Millisecond }, 10*time.Second, time.Millisecond)
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
		bytes.Replace(good, []byte("dogear stat index 4"), []byte("dogear stat index 9"), 1),
		append(bytes.Clone(good[:100]), append([]byte{good[100] ^ 1}, good[101:]...)...),
	} {
		got := captureTree(t, root, tree.Options{Index: &memoryIndex{content: damaged}}, store)
		require.Equal(t, want.Manifest, got.Manifest)
		require.Equal(t, want.BytesRead, got.BytesRead, "everything is read")
	}
}

// Where the kernel stamps files itself, what was read a tick after its last
// change is trusted from then on; where the clock may be another's, that takes
// longer (room).
func TestIndexOfFreshFilesIsTrustedWhereTheKernelStampsThem(t *testing.T) {
	t.Parallel()
	for name, local := range map[string]bool{"": true, "ramfs": false} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if !local {
				testbed.Require(t, "root")
				require.NoError(t, unix.Mount(name, root, name, 0, ""))
				t.Cleanup(func() { testbed.Unmount(t, root) })
			}
			require.NoError(t, os.WriteFile(filepath.Join(root, "file"), []byte("one"), 0o600))
			store, opts := kindtest.NewMemory(), tree.Options{Index: &memoryIndex{}}
			captureTree(t, root, opts, store)
			require.Equal(t, local, captureTree(t, root, opts, store).BytesRead == 0)
			settled(t, root)
			captureTree(t, root, opts, store)
			require.Zero(t, captureTree(t, root, opts, store).BytesRead)
		})
	}
}

// After another start of the machine, what was written shortly before it was
// read may be lost, with a stamp that does not tell (survives). What is paged is
// compared again, and stored only where it differs.
func TestAnotherBootIsNotBelievedAtOnce(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "file"), []byte("one"), 0o600))
	large(t, root)
	ticked(t, root)
	store, index := kindtest.NewMemory(), &memoryIndex{}
	opts := pagedOptions()
	opts.Index = index
	first := captureTree(t, root, opts, store)
	require.Zero(t, captureTree(t, root, opts, store).BytesRead)

	index.content = fromAnotherBoot(t, index.content)
	had := store.Bytes()
	again := captureTree(t, root, opts, store)
	require.Equal(t, first.BytesRead, again.BytesRead)
	require.Equal(t, first.Manifest, again.Manifest)
	require.Equal(t, had, store.Bytes(), "nothing is stored again")
	require.Zero(t, captureTree(t, root, opts, store).BytesRead, "from then on it is")
}

// fromAnotherBoot is an index as it would have been written before the machine
// was started again.
func fromAnotherBoot(t *testing.T, index []byte) []byte {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	require.NoError(t, err)
	id = bytes.TrimSpace(id)
	require.Contains(t, string(index), string(id))
	other := bytes.Repeat([]byte("0"), len(id))
	body := bytes.Replace(index[:len(index)-sha256.Size], id, other, 1)
	sum := sha256.Sum256(body)
	return append(body, sum[:]...)
}

// An index that holds just what was seen is not written again (saveIndex).
func TestIndexIsWrittenOnlyIfItIsNotThatAlready(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "tree")
	fill(t, root)
	index := &countingIndex{}
	store, opts := kindtest.NewMemory(), tree.Options{Index: index}
	ticked(t, root)
	saves := func(do func()) int {
		index.saves = 0
		do()
		return index.saves
	}
	require.Equal(t, 1, saves(func() { captureTree(t, root, opts, store) }))
	require.Zero(t, saves(func() { captureTree(t, root, opts, store) }))
	require.Zero(t, saves(func() { liveFacts(t, root, opts) }))
	require.NoError(t, os.Remove(filepath.Join(root, "a-b")))
	ticked(t, root)
	require.Equal(t, 1, saves(func() { liveFacts(t, root, opts) }), "its directory has changed")
	require.Zero(t, saves(func() { captureTree(t, root, opts, store) }))
}

type countingIndex struct {
	memoryIndex
	saves int
}

func (i *countingIndex) Save(content []byte) error {
	i.saves++
	return i.memoryIndex.Save(content)
}

// Apply renews the index with what it has read of what it wrote (renew): who
// captures next opens nothing, and stores nothing anew.
func TestApplyRenewsTheIndex(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "tree")
	fill(t, root)
	table := &edited{t: t, path: filepath.Join(root, "db")}
	table.write(0, noise(1, 256*page))
	store, opts := kindtest.NewMemory(), pagedOptions()
	want := captureTree(t, root, opts, store)

	table.write(3*page, noise(2, page))
	require.NoError(t, os.WriteFile(filepath.Join(root, "a-b"), []byte("changed"), 0o600))
	require.NoError(t, os.Remove(filepath.Join(root, "a", "empty")))
	require.NoError(t, os.WriteFile(filepath.Join(root, "extra"), nil, 0o600))
	captureTree(t, root, opts, store)
	bytes := store.Bytes()
	require.False(t, apply(t, root, opts, want.Manifest, store).None())

	var again tree.Result
	require.Zero(t, opened(t, root, func() { again = captureTree(t, root, opts, store) }))
	require.Zero(t, again.BytesRead)
	require.Equal(t, want.Manifest, again.Manifest)
	require.Equal(t, bytes, store.Bytes())
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
	t.Cleanup(func() { testbed.Unmount(t, dir) })
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
		{"after Apply", func(c tree.Capture, store *kindtest.Memory, opts tree.Options, change func()) tree.Result {
			require.NoError(t, c.Prepare(t.Context()))
			require.NoError(t, c.Take(t.Context()))
			want, err := c.Finish(t.Context())
			require.NoError(t, err)
			require.NoError(t, os.Remove(path))
			apply(t, root, opts, want.Manifest, store)
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
				var before unix.Stat_t
				result := test.capture(c, store, opts, func() {
					before = stat()
					rewrite("after!")
					times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, before.Mtim}
					require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, times, 0))
				})
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
