package store_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

// files returns the files in one of the store's directories.
func files(t testing.TB, s *store.Store, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.Dir(), dir, "*"))
	require.NoError(t, err)
	return paths
}

// damage flips a bit of one byte of a file. Doing it again undoes it.
func damage(t testing.TB, path string, offset int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, offset)
	require.NoError(t, err)
	b[0] ^= 1 << (offset % 8)
	_, err = f.WriteAt(b, offset)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestCheckFindsEveryFlippedByte(t *testing.T) {
	s := open(t)
	save(t, s, "01a", text(1, 3000), random(1, 500))
	require.NoError(t, s.AppendEvent(t.Context(), &snapshot.Event{Workspace: "w"}))
	require.NoError(t, s.PutReceipt(t.Context(), snapshot.Receipt{ID: "r1"}))
	storetest.Check(t, s)
	for _, dir := range []string{"packs", "snapshots", "events", "receipts"} {
		paths := files(t, s, dir)
		require.Len(t, paths, 1)
		info, err := os.Stat(paths[0])
		require.NoError(t, err)
		for offset := range info.Size() {
			damage(t, paths[0], offset)
			report, err := s.Check(t.Context(), true)
			require.NoError(t, err)
			require.False(t, report.Whole(), "%s at %d", paths[0], offset)
			damage(t, paths[0], offset)
		}
	}
	storetest.Check(t, s)
	require.NoError(t, s.Close())
}

func TestCheckFindsMissingFiles(t *testing.T) {
	for _, dir := range []string{"packs", "snapshots", "events", "receipts"} {
		t.Run(dir, func(t *testing.T) {
			s := open(t)
			save(t, s, "01a", text(1, 3000))
			require.NoError(t, s.AppendEvent(t.Context(), &snapshot.Event{Workspace: "w"}))
			require.NoError(t, s.PutReceipt(t.Context(), snapshot.Receipt{ID: "r1"}))
			require.NoError(t, os.Remove(files(t, s, dir)[0]))
			report, err := s.Check(t.Context(), false)
			require.NoError(t, err)
			require.NotEmpty(t, report.Problems)
			require.NoError(t, s.Close())
		})
	}
}

func TestReadingDamagedContentFails(t *testing.T) {
	s := open(t)
	content := random(1, 2000)
	save(t, s, "01a", content)
	s = reopen(t, s) // nothing is in memory
	damage(t, files(t, s, "packs")[0], 100)
	_, err := s.Get(t.Context(), kind.Sum(content), nil)
	require.ErrorIs(t, err, store.ErrDamaged)
}

// smallDisk mounts a file system of so many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	testbed.Require(t, "root")
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("dogear-test", dir, "tmpfs", 0, "size="+size+",mode=0700"))
	t.Cleanup(func() { testbed.Unmount(t, dir) })
	return dir
}

// fill leaves about so many bytes free on a disk, and returns what gives them
// free again.
func fill(t *testing.T, dir string, leave uint64) (free func()) {
	t.Helper()
	var stat syscall.Statfs_t
	require.NoError(t, syscall.Statfs(dir, &stat))
	ballast := filepath.Join(dir, "ballast")
	avail := stat.Bavail * uint64(stat.Bsize)
	require.Greater(t, avail, leave)
	require.NoError(t, os.WriteFile(ballast, make([]byte, avail-leave), 0o600))
	return func() { require.NoError(t, os.Remove(ballast)) }
}

func TestFullDiskLeavesOldSnapshotsWhole(t *testing.T) {
	disk := smallDisk(t, "32m")
	s := storetest.OpenAt(t, filepath.Join(disk, "store"))
	save(t, s, "01a", random(1, 1<<20))

	session := begin(t, s)
	sink := session.Sink()
	var err error
	for i := uint64(2); err == nil && i < 60; i++ {
		content := random(i, 1<<20)
		_, err = sink.Put(t.Context(), content)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, s.Dir())
	require.ErrorIs(t, session.Commit(t.Context(), snapshot.Snapshot{ID: "01b"}), syscall.ENOSPC)
	requireEmptyDirs(t, s, "incoming")
	requireContent(t, s, random(1, 1<<20))
	save(t, s, "01c", random(3, 1<<20))
}

func TestFullDiskWhileListing(t *testing.T) {
	disk := smallDisk(t, "32m")
	s := storetest.OpenAt(t, filepath.Join(disk, "store"))
	save(t, s, "01a", random(1, 1<<10))
	var contents [][]byte
	for i := range uint64(5000) {
		contents = append(contents, random(i, 20))
	}
	var free func()
	s.OnStep(func(step string) {
		if step == "recorded" { // all is in place, but for the catalog
			free = fill(t, disk, 8<<10)
		}
	})
	err := saveSmall(t, s, "01b", contents...)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "update catalog")
	requireEmptyDirs(t, s, "incoming")
	require.Len(t, files(t, s, "packs"), 1)
	require.Len(t, files(t, s, "snapshots"), 1)
	storetest.Check(t, s)

	free()
	s.OnStep(func(string) {})
	require.NoError(t, saveSmall(t, s, "01b", contents...))
}

func TestDiskThatFillsAtAnyMomentOfACommit(t *testing.T) {
	disk := smallDisk(t, "32m")
	s := storetest.OpenAt(t, filepath.Join(disk, "store"))
	save(t, s, "000000", random(1, 1<<10))
	saved, failed := 1, 0
	for leave := uint64(0); leave < 400<<10; leave += 12 << 10 {
		free := fill(t, disk, leave)
		err := saveSmall(t, s, numberedID(saved), random(leave+1, 40<<10))
		if err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			failed++
		} else {
			saved++
		}
		requireEmptyDirs(t, s, "incoming")
		storetest.Check(t, s)
		free()
		list, err := s.Snapshots(t.Context(), "")
		require.NoError(t, err)
		require.Len(t, list, saved)
		require.Len(t, files(t, s, "snapshots"), saved)
	}
	require.Greater(t, failed, 3)
	require.Greater(t, saved, 3)
}

// saveSmall fails only in the commit: the chunks share a frame that is not
// full.
func saveSmall(t testing.TB, s *store.Store, id snapshot.ID, contents ...[]byte) error {
	session := begin(t, s)
	return session.Commit(t.Context(), newSnapshot(t, session, id, contents...))
}
