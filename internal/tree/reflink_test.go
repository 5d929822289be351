package tree_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/content"
	"dogear/internal/testbed"
	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// Where blocks can be shared, a paged file is cloned, whether it has further
// names or not; elsewhere the same comes out by other means.
func TestPagedFilesAreClonedWhereThatIsPossible(t *testing.T) {
	for _, filesystem := range []struct {
		name   string
		size   int64
		clones bool
	}{{"btrfs", 256 << 20, true}, {"xfs", 320 << 20, true}, {"ext4", 64 << 20, false}} {
		t.Run(filesystem.name, func(t *testing.T) {
			clones(t, testbed.Filesystem(t, filesystem.name, filesystem.size), filesystem.clones)
		})
	}
}

func clones(t *testing.T, base string, possible bool) {
	store, root, outside := kindtest.NewMemory(), filepath.Join(base, "tree"), filepath.Join(base, "outside")
	alone, linked := filepath.Join(root, "db/alone"), filepath.Join(root, "db/linked")
	opts := tree.Options{InPlace: []kind.Pattern{"db"}}
	database(t, alone)
	database(t, linked)
	require.NoError(t, os.Link(linked, outside))
	manifest := captureTree(t, root, opts, store).Manifest
	want, ino := liveFacts(t, root, opts), inode(t, alone)

	for _, path := range []string{alone, linked} {
		overwrite(t, path, 5*content.BlockSize+77, "changed")
		require.NoError(t, os.Truncate(path, 99*content.BlockSize+100))
	}
	changed, err := os.ReadFile(outside)
	require.NoError(t, err)
	changes := apply(t, root, opts, manifest, store)
	require.Equal(t, want, liveFacts(t, root, opts))
	after, err := os.ReadFile(outside)
	require.NoError(t, err)
	require.Equal(t, changed, after, "what lies outside is not written to")
	require.Equal(t, 1, changes.Patched)
	require.Equal(t, 1, changes.Rewritten)
	require.Empty(t, leftovers(t, root))
	if !possible {
		require.Zero(t, changes.Cloned)
		require.Equal(t, ino, inode(t, alone))
		return
	}
	require.Equal(t, 2, changes.Cloned)
	require.Contains(t, changes.Details, "clone and patch db/alone")
	require.Contains(t, testbed.Run(t, "filefrag", "-v", linked), "shared")
}
