package tree_test

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// BenchmarkPages measures a file of 1 GiB of which 1 % of the pages change at
// random between captures, beside reading that file.
func BenchmarkPages(b *testing.B) {
	const pages = 1 << 30 / page
	root, store := b.TempDir(), kindtest.NewMemory()
	path := filepath.Join(root, "db")
	f, err := os.Create(path)
	require.NoError(b, err)
	for i := range pages {
		_, err := f.Write(noise(uint64(i), page))
		require.NoError(b, err)
	}
	require.NoError(b, f.Sync())
	defer func() { require.NoError(b, f.Close()) }()
	scatter := func(b *testing.B) {
		b.StopTimer()
		defer b.StartTimer()
		for range pages / 100 {
			_, err := f.WriteAt(noise(rand.Uint64(), page), rand.Int64N(pages)*page)
			require.NoError(b, err)
		}
		require.NoError(b, f.Sync())
	}
	opts := tree.Options{InPlace: []kind.Pattern{"db"}, Index: &memoryIndex{}}
	capture := func(b *testing.B, prepare bool) kind.Object {
		c, err := tree.New(root).Capture(b.Context(), opts, store)
		require.NoError(b, err)
		if prepare {
			require.NoError(b, c.Prepare(b.Context()))
		}
		require.NoError(b, c.Take(b.Context()))
		result, err := c.Finish(b.Context())
		require.NoError(b, err)
		require.NoError(b, c.Close())
		return result.Manifest
	}
	first := capture(b, true)
	b.Run("cat", func(b *testing.B) {
		for b.Loop() {
			f, err := os.Open(path)
			require.NoError(b, err)
			_, err = io.Copy(io.Discard, struct{ io.Reader }{f})
			require.NoError(b, err)
			require.NoError(b, f.Close())
		}
	})
	b.Run("capture", func(b *testing.B) {
		had := store.Bytes()
		for b.Loop() {
			scatter(b)
			capture(b, true)
		}
		b.ReportMetric(float64(store.Bytes()-had)/float64(b.N)/(pages/100*page), "added/changed")
	})
	b.Run("take", func(b *testing.B) {
		for b.Loop() {
			scatter(b)
			c, err := tree.New(root).Capture(b.Context(), opts, store)
			require.NoError(b, err)
			require.NoError(b, c.Take(b.Context()))
			b.StopTimer()
			_, err = c.Finish(b.Context())
			require.NoError(b, err)
			require.NoError(b, c.Close())
			b.StartTimer()
		}
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			_, err := tree.New(root).Apply(b.Context(), opts, first, store)
			require.NoError(b, err)
			b.StartTimer()
			scatter(b)
			_, err = tree.New(root).Apply(b.Context(), opts, first, store)
			require.NoError(b, err)
		}
	})
}
