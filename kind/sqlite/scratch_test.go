package sqlite

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/testbed"
)

func TestCopiesOfTheKilledAreRemoved(t *testing.T) {
	dir := t.TempDir()
	killed, err := newScratch(dir)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(killed.path, "db"), []byte("secret"), 0o600))
	require.NoError(t, killed.lock.Close()) // as the kernel does
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.Mkdir(outside, 0o700))
	link, file := filepath.Join(dir, scratchPrefix+"link"), filepath.Join(dir, scratchPrefix+"file")
	require.NoError(t, os.Symlink(outside, link))
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	first, err := newScratch(dir)
	require.NoError(t, err)
	require.NoDirExists(t, killed.path)
	second, err := newScratch(dir)
	require.NoError(t, err)
	require.DirExists(t, first.path, "it is in use")
	require.NoError(t, first.remove())
	require.NoError(t, second.remove())
	require.NoDirExists(t, first.path)
	require.DirExists(t, outside)
	require.FileExists(t, link)
	require.FileExists(t, file)
}

func TestCopiesOfOthersStay(t *testing.T) {
	testbed.Require(t, "root")
	dir := t.TempDir()
	theirs := filepath.Join(dir, scratchPrefix+"theirs")
	require.NoError(t, os.Mkdir(theirs, 0o700))
	require.NoError(t, os.Chown(theirs, 65534, 65534))
	s, err := newScratch(dir)
	require.NoError(t, err)
	require.DirExists(t, theirs)
	require.NoError(t, s.remove())
}

// TestScratchIsNeverSweptAway: also not in the moment before it is locked.
func TestScratchIsNeverSweptAway(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				s, err := newScratch(dir)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(s.path, "db"), nil, 0o600))
				require.NoError(t, sweep(dir))
				require.FileExists(t, filepath.Join(s.path, "db"))
				require.NoError(t, s.remove())
			}
		})
	}
	wg.Wait()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = lockDir(filepath.Join(dir, "none"), unix.LOCK_EX)
	require.ErrorIs(t, err, os.ErrNotExist)
}
