package tree

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// ForeignManifest stores a manifest of the tree at root in which every entry
// belongs to another user.
func ForeignManifest(t *testing.T, sink kind.Sink, root string) kind.Object {
	t.Helper()
	live, err := New(root).scan(t.Context(), Options{})
	require.NoError(t, err)
	for i := range live.records {
		live.records[i].UID = 12345
	}
	manifest, err := putManifest(t.Context(), sink, live.records)
	require.NoError(t, err)
	return manifest
}
