package atomicfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"dogear/internal/atomicfile"

	"github.com/stretchr/testify/require"
)

func TestWriteReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, content := range []string{"old and long", "new"} {
		require.NoError(t, atomicfile.Write(path, 0o600, []byte(content)))
		requireOnly(t, path, content)
	}
	require.NoError(t, atomicfile.WriteCache(path, 0o640, []byte("cached")))
	requireOnly(t, path, "cached")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
}

// requireOnly wants the file, and nothing beside it.
func requireOnly(t *testing.T, path, content string) {
	t.Helper()
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, content, string(have))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestAbortKeepsTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, atomicfile.Write(path, 0o600, []byte("old")))
	f, err := atomicfile.Create(path, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString("new")
	require.NoError(t, err)
	require.NoError(t, f.Abort())
	require.NoError(t, f.Abort())
	requireOnly(t, path, "old")
}

func TestAbortAfterCommitDoesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := atomicfile.Create(path, 0o600)
	require.NoError(t, err)
	require.NoError(t, f.Commit())
	require.NoError(t, f.Abort())
	requireOnly(t, path, "")
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "target", "full"), 0o700))
	path := filepath.Join(dir, "target") // a directory cannot be replaced by a file
	require.Error(t, atomicfile.Write(path, 0o600, []byte("x")))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)

	require.Error(t, atomicfile.Write(filepath.Join(dir, "missing", "file"), 0o600, nil))
}

func TestRemoveTempsRemovesOnlyThose(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kept"), []byte("x"), 0o600))
	f, err := atomicfile.Create(filepath.Join(dir, "killed"), 0o600)
	require.NoError(t, err)
	require.True(t, atomicfile.IsTemp(filepath.Base(f.Name())))
	require.NoError(t, f.Close()) // as if the process had ended here

	require.NoError(t, atomicfile.RemoveTemps(dir))
	requireOnly(t, filepath.Join(dir, "kept"), "x")
	require.Error(t, atomicfile.RemoveTemps(filepath.Join(dir, "missing")))
}
