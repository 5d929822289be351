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

func put(t *testing.T, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

// fixing captures a tree of which names and objects are fixed one after the
// other, and everything changes in between.
func fixing(t *testing.T, keep bool) (map[string]int64, tree.Result) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "tree")
	put(t, root, "git/names", "x")
	put(t, root, "git/objects/x", "content")
	put(t, root, "file", "1")
	c, err := tree.New(root).Capture(t.Context(), tree.Options{}, kindtest.NewMemory())
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.Prepare(t.Context()))
	fix := func(want, keep bool, pattern kind.Pattern) {
		t.Helper()
		same, err := c.(tree.Fixer).Fix(t.Context(), []kind.Pattern{pattern}, keep)
		require.NoError(t, err)
		require.Equal(t, want, same)
	}
	fix(false, false, "git/names")
	put(t, root, "git/names", "xy")
	fix(false, false, "git/names")
	fix(true, false, "git/names")
	put(t, root, "git/names", "later")
	fix(false, keep, "git/objects")
	require.NoError(t, os.Remove(filepath.Join(root, "git/objects/x")))
	put(t, root, "git/objects/packed", "more content")
	fix(false, keep, "git/objects")
	fix(true, keep, "git/objects")
	put(t, root, "git/objects/later", "even more")
	put(t, root, "file", "12")
	require.NoError(t, c.Take(t.Context()))
	result, err := c.Finish(t.Context())
	require.NoError(t, err)
	sizes := map[string]int64{}
	for e, err := range result.Entries {
		require.NoError(t, err)
		if e.Type == tree.Regular {
			sizes[e.Path] = e.Size
		}
	}
	return sizes, result
}

// What was fixed stays as it was, and what is not fixed is taken as it is at
// the end. With keep, also what has gone in between stays: the technique of
// G33, instead of a link to every object.
func TestFixedStaysAsItWas(t *testing.T) {
	t.Parallel()
	sizes, result := fixing(t, true)
	require.Equal(t, map[string]int64{"file": 2, "git/names": 2, "git/objects/packed": 12, "git/objects/x": 7}, sizes)
	require.True(t, result.Held.IsZero(), "its parts are of different moments")
	sizes, _ = fixing(t, false)
	require.Equal(t, map[string]int64{"file": 2, "git/names": 2, "git/objects/packed": 12}, sizes)
}

func TestFixedWithoutADirectoryIsNoTree(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "tree")
	put(t, root, "git/names", "x")
	c, err := tree.New(root).Capture(t.Context(), tree.Options{}, kindtest.NewMemory())
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	_, err = c.(tree.Fixer).Fix(t.Context(), []kind.Pattern{"git/names"}, false)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(root, "git")))
	require.NoError(t, c.Take(t.Context()))
	_, err = c.Finish(t.Context())
	require.ErrorContains(t, err, "try again")
}
