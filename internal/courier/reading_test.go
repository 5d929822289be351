package courier_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/tree"
	"dogear/kind"
	"dogear/store"
	"dogear/store/storetest"
)

// asked counts the chunks that go through the pipe.
type asked struct {
	kind.Packed
	chunks atomic.Int64
}

func (a *asked) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	a.chunks.Add(1)
	return a.Packed.Get(ctx, id, buf)
}

// TestReading takes what is restored out of the store's packs, so that nothing
// of it goes through the pipe, and asks for what is not there, or is damaged. It
// fails without the packs, and without asking.
func TestReading(t *testing.T) {
	opened, root := storetest.Open(t), filepath.Join(t.TempDir(), "tree")
	require.NoError(t, os.Mkdir(root, 0o700))
	fill(t, filepath.Join(root, "random"), 3<<20)
	require.NoError(t, os.WriteFile(filepath.Join(root, "small"), []byte("small"), 0o600))
	manifest := stored(t, opened, root)
	client, _ := start(t)
	want := facts(t, tree.New(root), t.Context())

	restored := func(there string) (byPipe int64) {
		t.Helper()
		client.UsePacks(opened.Packs(), there)
		require.NoError(t, os.RemoveAll(root))
		require.NoError(t, os.Mkdir(root, 0o700))
		source := &asked{Packed: opened}
		_, err := client.Tree(root).Apply(t.Context(), tree.Options{}, manifest, source)
		require.NoError(t, err)
		require.Equal(t, want, facts(t, tree.New(root), t.Context()))
		return source.chunks.Load()
	}
	require.Zero(t, restored(opened.Packs()))
	require.Positive(t, restored(t.TempDir()), "a directory without them")

	copies := t.TempDir()
	packs, err := filepath.Glob(filepath.Join(opened.Packs(), "*"))
	require.NoError(t, err)
	for _, path := range packs {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		content[len(content)/2] ^= 1 // in the middle of the random content
		require.NoError(t, os.WriteFile(filepath.Join(copies, filepath.Base(path)), content, 0o600))
	}
	require.Positive(t, restored(copies), "a copy that is damaged")
}

// stored commits a tree to a store.
func stored(t *testing.T, to *store.Store, root string) kind.Object {
	t.Helper()
	session, err := to.Begin(t.Context())
	require.NoError(t, err)
	sink := session.Sink()
	c, err := tree.New(root).Capture(t.Context(), tree.Options{}, sink)
	require.NoError(t, err)
	require.NoError(t, c.Take(t.Context()))
	result, err := c.Finish(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.Close())
	storetest.Commit(t, session, sink, result.Manifest)
	return result.Manifest
}
