package tree

import (
	"os"
	"strconv"
	"strings"
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

// BytesRead is how much this process has read, by any call.
func BytesRead(t *testing.T) int {
	t.Helper()
	io, err := os.ReadFile("/proc/self/io")
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(io), "\n")
	n, err := strconv.Atoi(strings.TrimPrefix(first, "rchar: "))
	require.NoError(t, err)
	return n
}
