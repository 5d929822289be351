package tree_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// Drivers look for what is theirs by what a survey lists: all regular files,
// whatever is named .git, and nothing inside that (openAcross, sightings).
func TestSurveyListsFilesAndRepositories(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a", "deep/er/file", "repo/.git/HEAD", "linked/.git"} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(name), 0o644))
	}
	require.NoError(t, os.Symlink("a", filepath.Join(root, "link")))

	found, err := tree.Survey(t.Context(), &kind.Workspace{Root: root})
	require.NoError(t, err)
	types := make(map[string]tree.Type)
	for _, s := range found {
		types[s.Path] = s.Type
	}
	require.Equal(t, map[string]tree.Type{
		"a": tree.Regular, "deep/er/file": tree.Regular, "repo/.git": tree.Folder, "linked/.git": tree.Regular,
	}, types)
}

// Who looks second is answered from the first one's walk, and only within one
// Find (Shared.Once): a new one sees what came meanwhile.
func TestSurveyIsSharedWithinOneFind(t *testing.T) {
	ws := &kind.Workspace{Root: t.TempDir(), Shared: &kind.Shared{}}
	count := func(ws *kind.Workspace) int {
		found, err := tree.Survey(t.Context(), ws)
		require.NoError(t, err)
		return len(found)
	}
	require.Zero(t, count(ws))
	require.NoError(t, os.WriteFile(filepath.Join(ws.Root, "new"), nil, 0o644))
	require.Zero(t, count(ws))
	require.Equal(t, 1, count(&kind.Workspace{Root: ws.Root, Shared: &kind.Shared{}}))
	require.Equal(t, 1, count(&kind.Workspace{Root: ws.Root}))
}

// What is compared once in a look is handed out so that nobody can write into
// another's list (clip).
func TestChangesThatAreSharedCanBeAppendedTo(t *testing.T) {
	root, store := t.TempDir(), kindtest.NewMemory()
	for _, name := range []string{"a", "b", "c"} { // three, so that append leaves room for a fourth
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(name), 0o600))
	}
	manifest := captureTree(t, root, tree.Options{}, store).Manifest
	require.NoError(t, os.RemoveAll(root))
	opts := tree.Options{Shared: &kind.Shared{}}
	with := func(id kind.ChunkID) []kind.ChunkID {
		changes, err := tree.New(root).Compare(t.Context(), opts, manifest, store)
		require.NoError(t, err)
		require.Len(t, changes.Chunks, 3)
		return append(changes.Chunks, id)
	}
	one := with(kind.ChunkID{1})
	with(kind.ChunkID{2})
	require.Equal(t, kind.ChunkID{1}, one[3])
}
