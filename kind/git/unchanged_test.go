package git

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// opened names the files in directories that any process opens while do runs.
func opened(t *testing.T, dirs []string, do func()) []string {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Close(fd)) }()
	for _, dir := range dirs {
		_, err = unix.InotifyAddWatch(fd, dir, unix.IN_OPEN)
		require.NoError(t, err)
	}
	do()
	var names []string
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EAGAIN) {
			return names
		}
		require.NoError(t, err)
		for rest := buf[:n]; len(rest) > 0; {
			length := binary.NativeEndian.Uint32(rest[12:])
			if mask := binary.NativeEndian.Uint32(rest[4:]); mask&unix.IN_ISDIR == 0 {
				names = append(names, strings.TrimRight(string(rest[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+length]), "\x00"))
			}
			rest = rest[unix.SizeofInotifyEvent+length:]
		}
	}
}

// A second capture of what did not change opens neither packs nor files of the
// worktree, and one after a commit reads no more than what the commit wrote.
// The techniques are the stat index (options.Index), without which everything
// is read again, and Options.Lasting, without which a pack is that git touched.
func TestUnchangedRepositoryIsNotRead(t *testing.T) {
	t.Parallel()
	r := newHistory(t)
	r.git("config", "maintenance.auto", "false")
	r.write("large", noise(5<<20))
	r.git("add", ".")
	r.git("commit", "-q", "-m", "large")
	r.git("gc", "-q")
	b := newBench(t, r.root)
	first, facts := b.capture()
	require.Positive(t, first.Read)
	// What is kept for long is trusted only if it was not new when it was read.
	begun := time.Now()
	require.Eventually(t, func() bool { return time.Since(begun) > 2100*time.Millisecond }, 10*time.Second, 10*time.Millisecond)
	b.capture()

	dirs := []string{r.root, filepath.Join(r.root, "src"), filepath.Join(r.root, ".git/objects/pack")}
	require.Empty(t, opened(t, dirs, func() {
		part, again := b.capture()
		require.Zero(t, part.Read)
		require.Equal(t, facts, again)
	}))

	before := sizes(t, r.root)
	r.commit("src/again", "one\n") // which is in the pack
	written := int64(0)
	for name, size := range sizes(t, r.root) {
		if before[name] != size && filepath.Ext(name) != ".pack" { // found something in it, and touched it
			written += size.bytes
		}
	}
	part, _ := b.capture()
	require.Positive(t, part.Read)
	require.LessOrEqual(t, part.Read, 2*written, "read by Prepare, and once more by Take as it was so new")
	require.Less(t, 2*written, int64(1<<20))
}

// noise is text that cannot be compressed.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // never fails, as its documentation says
	return string(b)
}

type size struct {
	bytes int64
	ctime syscall.Timespec
}

func sizes(t *testing.T, root string) map[string]size {
	t.Helper()
	all := map[string]size{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		if entry.Type().IsRegular() {
			info, err := os.Lstat(path)
			require.NoError(t, err)
			all[path] = size{bytes: info.Size(), ctime: info.Sys().(*syscall.Stat_t).Ctim}
		}
		return nil
	}))
	return all
}
