package git

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// named knows every chunk and keeps none.
type named struct{}

func (named) Put(_ context.Context, content []byte) (kind.ChunkID, error) {
	return kind.Sum(content), nil
}

func (named) Known(_ context.Context, ids []kind.ChunkID) ([]bool, error) {
	return slices.Repeat([]bool{true}, len(ids)), nil
}

// BenchmarkUnchangedCapture captures a large repository in which nothing
// changed since the capture before. It is named by DOGEAR_BENCH_TREE.
func BenchmarkUnchangedCapture(b *testing.B) {
	root := os.Getenv("DOGEAR_BENCH_TREE")
	if root == "" {
		b.Skip("DOGEAR_BENCH_TREE is not set")
	}
	ws := workspaceOf(root)
	ws.Cache = newMemory()
	driver := New()
	items, err := driver.Find(b.Context(), ws, nil)
	require.NoError(b, err)
	require.Len(b, items, 1)
	item := complete(items[0])
	b.ReportAllocs()
	for first := true; b.Loop(); first = false {
		if first {
			b.StopTimer()
			captureOnce(b, driver, ws, item)
			b.StartTimer()
		}
		require.Zero(b, captureOnce(b, driver, ws, item).Read)
	}
}

func captureOnce(b *testing.B, driver *Driver, ws *kind.Workspace, item kind.Item) kind.Part {
	b.Helper()
	c, err := driver.Open(b.Context(), ws, item, named{})
	require.NoError(b, err)
	require.NoError(b, c.(kind.Preparer).Prepare(b.Context()))
	require.NoError(b, c.Take(b.Context()))
	part, err := c.Finish(b.Context())
	require.NoError(b, err)
	for _, err := range part.Facts {
		require.NoError(b, err)
	}
	require.NoError(b, c.Close())
	return part
}
