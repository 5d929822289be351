package tree_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/tree"
	"dogear/kind/kindtest"
)

// Of a file that a database updates in place and that is too small to be paged,
// a capture stores what surrounds the change, not half of the file.
func TestSmallFilesOfDatabasesAreCutFine(t *testing.T) {
	t.Parallel()
	root, store, opts := t.TempDir(), kindtest.NewMemory(), pagedOptions()
	e := &edited{t: t, path: filepath.Join(root, "db-small")}
	e.write(0, noise(1, 700<<10))
	captureTree(t, root, opts, store)
	before := store.Bytes()
	e.write(5*page+100, noise(2, page/2))
	result := captureTree(t, root, opts, store)
	require.Less(t, store.Bytes()-before, int64(20<<10))
	copied := filepath.Join(t.TempDir(), "copy")
	apply(t, copied, tree.Options{}, result.Manifest, store)
	sameBytes(t, e.content, filepath.Join(copied, "db-small"))
}
