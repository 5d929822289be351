package tree_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/tree"
	"dogear/kind"
)

// forgetful knows every chunk it ever saw and keeps none.
type forgetful struct{ always bool }

func (forgetful) Put(_ context.Context, content []byte) (kind.ChunkID, error) {
	return kind.Sum(content), nil
}

func (f forgetful) Known(_ context.Context, ids []kind.ChunkID) ([]bool, error) {
	known := make([]bool, len(ids))
	for i := range known {
		known[i] = f.always
	}
	return known, nil
}

// The tree to measure is named by DOGEAR_BENCH_TREE.
func benchTree(b *testing.B) string {
	root := os.Getenv("DOGEAR_BENCH_TREE")
	if root == "" {
		b.Skip("DOGEAR_BENCH_TREE is not set")
	}
	return root
}

func BenchmarkCapture(b *testing.B) {
	root := benchTree(b)
	index := &memoryIndex{}
	run := func(b *testing.B, sink kind.Sink) {
		for b.Loop() {
			c, err := tree.New(root).Capture(b.Context(), tree.Options{Index: index}, sink)
			require.NoError(b, err)
			require.NoError(b, c.Prepare(b.Context()))
			require.NoError(b, c.Take(b.Context()))
			result, err := c.Finish(b.Context())
			require.NoError(b, err)
			require.NoError(b, c.Close())
			b.ReportMetric(float64(result.BytesRead)/1e6, "MB-read")
		}
	}
	b.Run("first", func(b *testing.B) { run(b, forgetful{}) })
	b.Run("unchanged", func(b *testing.B) { run(b, forgetful{always: true}) })
	b.Run("take", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			c, err := tree.New(root).Capture(b.Context(), tree.Options{Index: index}, forgetful{always: true})
			require.NoError(b, err)
			require.NoError(b, c.Prepare(b.Context()))
			b.StartTimer()
			require.NoError(b, c.Take(b.Context()))
			b.StopTimer()
			require.NoError(b, c.Close())
			b.StartTimer()
		}
	})
}

func BenchmarkApply(b *testing.B) {
	root := benchTree(b)
	store := dirStore(b.TempDir())
	index := &memoryIndex{}
	c, err := tree.New(root).Capture(b.Context(), tree.Options{Index: index}, store)
	require.NoError(b, err)
	require.NoError(b, c.Take(b.Context()))
	result, err := c.Finish(b.Context())
	require.NoError(b, err)
	require.NoError(b, c.Close())
	b.Run("nothing to do", func(b *testing.B) {
		for b.Loop() {
			changes, err := tree.New(root).Apply(b.Context(), tree.Options{Index: index}, result.Manifest, store)
			require.NoError(b, err)
			require.True(b, changes.None())
		}
	})
	b.Run("everything", func(b *testing.B) {
		for b.Loop() {
			_, err := tree.New(filepath.Join(b.TempDir(), "copy")).Apply(b.Context(), tree.Options{}, result.Manifest, store)
			require.NoError(b, err)
		}
	})
}
