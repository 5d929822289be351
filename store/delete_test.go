package store_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

func requireListed(t testing.TB, s *store.Store, want ...snapshot.ID) {
	t.Helper()
	list, err := s.Snapshots(t.Context(), "")
	require.NoError(t, err)
	have := []snapshot.ID{}
	for _, snap := range list {
		have = append(have, snap.ID)
	}
	require.Equal(t, want, have)
}

func TestDeletedSnapshotsAreGone(t *testing.T) {
	s := storetest.Open(t)
	for _, id := range []snapshot.ID{"01a", "01b", "01c"} {
		save(t, s, id, []byte(id))
	}
	require.NoError(t, s.Delete(t.Context(), "01a", "01c"))
	requireListed(t, s, "01b")
	_, err := s.Snapshot(t.Context(), "01a")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, s.Delete(t.Context(), "01b", "01a"), store.ErrNotFound)
	requireListed(t, s, "01b")

	session := begin(t, s)
	require.ErrorIs(t, session.Commit(t.Context(), newSnapshot(t, session, "01a")), store.ErrExists)
	require.NoError(t, s.Delete(t.Context(), "01b"))
	requireListed(t, s, []snapshot.ID{}...)
	workspaces, err := s.Workspaces(t.Context())
	require.NoError(t, err)
	require.Empty(t, workspaces)
	for _, id := range []snapshot.ID{"", "..", "01z"} {
		require.Error(t, s.Delete(t.Context(), id))
	}
}

func TestDeletionKilledAtAnyStepIsFinished(t *testing.T) {
	for _, step := range []string{"deletion recorded 1", "deletion recorded 2", "deletion listed"} {
		t.Run(step, func(t *testing.T) {
			s := open(t)
			save(t, s, "000000", []byte("kept"))
			save(t, s, "000001", []byte("deleted"))
			annotate(t, s, "000001", "a note", true)
			require.NoError(t, s.Close())
			requireKilled(t, childProcess(s.Dir(), step).Run())

			s = storetest.OpenAt(t, s.Dir())
			requireListed(t, s, "000000")
			storetest.Check(t, s)
		})
	}
}

// TestOldFilesResurrectNothingAndLoseNothing puts an old catalog, or none, and
// any one file from before a deletion, a commit and a note back into a store.
func TestOldFilesResurrectNothingAndLoseNothing(t *testing.T) {
	s := open(t)
	save(t, s, "01a", []byte("deleted"))
	save(t, s, "01b", []byte("kept"))
	annotate(t, s, "01a", "of the deleted", true)
	require.NoError(t, s.Close())
	old, now := copyDir(t, s.Dir()), s.Dir()

	s, err := store.Open(now, store.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), "01a"))
	save(t, s, "01c", []byte("new"))
	require.NoError(t, s.Close())

	for _, catalog := range []string{"", old, now} {
		for _, path := range filesBelow(t, old, now) {
			dir := copyDir(t, now)
			putBack(t, catalog, dir, "catalog.db")
			if wasDeleted(path) || hasFile(old, path) { // else content is lost
				putBack(t, old, dir, path)
			}
			s, err := store.Open(dir, store.Options{})
			require.NoError(t, err)
			requireListed(t, s, "01c", "01b")
			storetest.Check(t, s)
			require.NoError(t, s.Close())
		}
	}
}

func wasDeleted(path string) bool {
	return filepath.Dir(path) == "deletions" || filepath.Ext(path) == ".deleted"
}

func hasFile(dir, path string) bool {
	_, err := os.Stat(filepath.Join(dir, path))
	return err == nil
}

// putBack replaces a file by what it is in another directory, and removes it
// if it is not there.
func putBack(t testing.TB, from, dir, path string) {
	t.Helper()
	if from == "" || !hasFile(from, path) {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, path)))
		return
	}
	content, err := os.ReadFile(filepath.Join(from, path))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, path), content, 0o600))
}

func copyDir(t testing.TB, dir string) string {
	t.Helper()
	return copyTo(t, newDir(t), dir)
}

func copyTo(t testing.TB, to, dir string) string {
	t.Helper()
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	require.NoError(t, filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	}))
	return to
}

// filesBelow returns the names of all files that are in one of the stores, but
// for their catalogs and reserves.
func filesBelow(t testing.TB, dirs ...string) []string {
	t.Helper()
	var paths []string
	for _, dir := range dirs {
		require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && path != "catalog.db" && path != "reserve" {
				paths = append(paths, path)
			}
			return err
		}))
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

func annotate(t testing.TB, s *store.Store, id snapshot.ID, note string, pinned bool) {
	t.Helper()
	require.NoError(t, s.Annotate(t.Context(), id, snapshot.Annotation{Note: &note, Pinned: &pinned}))
}

func TestAnnotationsShow(t *testing.T) {
	s := open(t)
	committed := save(t, s, "01a", text(1, 100))
	record, err := os.ReadFile(files(t, s, "snapshots")[0])
	require.NoError(t, err)
	annotate(t, s, "01a", "before the upgrade", false)
	pinned := true
	require.NoError(t, s.Annotate(t.Context(), "01a", snapshot.Annotation{Pinned: &pinned}))
	require.ErrorIs(t, s.Annotate(t.Context(), "01b", snapshot.Annotation{}), store.ErrNotFound)

	want := committed
	want.Note, want.Pinned = "before the upgrade", true
	for _, spoil := range []func(*testing.T, string){func(*testing.T, string) {}, remove("catalog.db")} {
		require.NoError(t, s.Close())
		spoil(t, s.Dir())
		s, err = store.Open(s.Dir(), store.Options{})
		require.NoError(t, err)
		list, err := s.Snapshots(t.Context(), committed.Workspace.ID)
		require.NoError(t, err)
		require.Equal(t, []snapshot.Snapshot{want}, list)
		one, err := s.Snapshot(t.Context(), "01a")
		require.NoError(t, err)
		require.Equal(t, want, one)
		storetest.Check(t, s)
	}
	require.NoError(t, s.Close())
	same, err := os.ReadFile(files(t, s, "snapshots")[0])
	require.NoError(t, err)
	require.Equal(t, record, same)
}

func TestAnnotationKilledHalfWayIsThere(t *testing.T) {
	s := open(t)
	save(t, s, "000000", text(1, 100))
	annotate(t, s, "000000", "old", false)
	require.NoError(t, s.Close())
	requireKilled(t, childProcess(s.Dir(), "annotated").Run())
	s = storetest.OpenAt(t, s.Dir())
	one, err := s.Snapshot(t.Context(), "000000")
	require.NoError(t, err)
	require.Equal(t, "from the child", one.Note)
}
