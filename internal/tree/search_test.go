package tree_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/tree"
	"dogear/kind"
)

// A search finds files by how they begin, whatever they are called, and enters
// neither what it is to skip nor a link.
func TestSearch(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"a": "magic and more", "deep/er/b": "magic!", "short": "mag", "other": "tragic and more", "theirs/c": "magic and more", "x.pid": "magic and more",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(content), 0o600))
	}
	require.NoError(t, os.Symlink("a", filepath.Join(root, "link")))
	require.NoError(t, os.Symlink("deep", filepath.Join(root, "links")))
	search := tree.Search{Begins: []byte("magic"), Least: 6, Skip: []kind.Pattern{"theirs", "**/*.pid"}}
	require.Equal(t, []string{"a", "deep/er/b"}, found(t, root, search))
	under, err := tree.SearchSurvey(t.Context(), &kind.Workspace{Root: root}, search)
	require.NoError(t, err)
	require.Len(t, under, 2)
	search.Least = 7
	require.Equal(t, []string{"a"}, found(t, root, search))
}

// What was looked into is not opened again (seen): a search of much costs a
// walk. What has changed since is.
func TestSearchOpensOnlyWhatIsNew(t *testing.T) {
	root, index := t.TempDir(), &memoryIndex{}
	for name, content := range map[string]string{"a": "magic", "b": "tragic"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(content), 0o600))
	}
	search := tree.Search{Begins: []byte("magic"), Seen: index}
	list := func() []byte { return index.Load() }
	require.Eventually(t, func() bool {
		require.Equal(t, []string{"a"}, found(t, root, search))
		return len(list()) > 2*17
	}, 20*time.Second, 50*time.Millisecond, "what is settled is remembered")
	wrong := list()
	for i := len(wrong) - 1; i > len(wrong)-2*17; i -= 17 {
		wrong[i] ^= 1 // that each is the other is believed
	}
	require.NoError(t, index.Save(wrong))
	require.Equal(t, []string{"b"}, found(t, root, search))
	require.NoError(t, os.WriteFile(filepath.Join(root, "a"), []byte("magic again"), 0o600))
	require.Equal(t, []string{"a", "b"}, found(t, root, search))
	require.NoError(t, index.Save(wrong[:len(wrong)-1]))
	require.Equal(t, []string{"a"}, found(t, root, search), "a damaged list is none")
}

func found(t *testing.T, root string, search tree.Search) []string {
	t.Helper()
	sightings, err := tree.New(root).Search(t.Context(), search)
	require.NoError(t, err)
	var paths []string
	for _, s := range sightings {
		paths = append(paths, s.Path)
	}
	return paths
}
