package courier_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/tree"
	"dogear/kind"
	"dogear/store/storetest"
)

// counted counts what goes through the pipe, and the packs that do not.
type counted struct {
	kind.Adopter
	streamed, adopted atomic.Int64
}

func (c *counted) Put(ctx context.Context, content []byte) (kind.ChunkID, error) {
	c.streamed.Add(int64(len(content)))
	return c.Adopter.Put(ctx, content)
}

func (c *counted) Adopt(ctx context.Context, pack string) error {
	c.adopted.Add(1)
	return c.Adopter.Adopt(ctx, pack)
}

// TestDeposit leaves content in packs for the store to adopt, so that little of
// it goes through the pipe; what the store has is not packed again; and what is
// captured is the same, bit for bit. It fails without the packs, and without
// asking for each chunk before it is packed.
func TestDeposit(t *testing.T) {
	client, _ := start(t)
	store := storetest.Open(t)
	require.NoError(t, client.UseDeposit(t.Context(), store.Incoming(), store.Incoming()))
	root := filepath.Join(t.TempDir(), "tree")
	require.NoError(t, os.Mkdir(root, 0o700))
	for i := range 3 {
		fill(t, filepath.Join(root, strconv.Itoa(i)), 10<<20)
	}
	session, err := store.Begin(t.Context())
	require.NoError(t, err)
	captured := func(tr tree.Tree) (*counted, kind.Object) {
		t.Helper()
		sink := &counted{Adopter: session.Sink().(kind.Adopter)}
		c, err := tr.Capture(t.Context(), tree.Options{}, sink)
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close()) }()
		require.NoError(t, c.Prepare(t.Context()))
		require.NoError(t, c.Take(t.Context()))
		result, err := c.Finish(t.Context())
		require.NoError(t, err)
		for e, err := range tree.ReadManifest(t.Context(), session, result.Manifest) {
			require.NoError(t, err)
			for _, id := range e.Chunks {
				_, err := session.Get(t.Context(), id, nil)
				require.NoError(t, err)
			}
		}
		return sink, result.Manifest
	}
	there, manifest := captured(client.Tree(root))
	require.Positive(t, there.adopted.Load())
	require.Less(t, there.streamed.Load(), int64(10<<20))
	again, same := captured(client.Tree(root))
	require.Zero(t, again.adopted.Load())
	require.Equal(t, manifest, same)
	_, here := captured(tree.New(root))
	require.Equal(t, here, manifest)
	require.NoError(t, session.Abort())

	left, err := os.ReadDir(store.Incoming())
	require.NoError(t, err)
	require.Empty(t, left)
}

func fill(t *testing.T, path string, size int) {
	t.Helper()
	content := make([]byte, size)
	rand.Read(content)
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

// TestAnotherDirectory is no deposit: an engine elsewhere may have the path too.
func TestAnotherDirectory(t *testing.T) {
	client, _ := start(t)
	here, there := t.TempDir(), t.TempDir()
	require.Error(t, client.UseDeposit(t.Context(), here, there))
	left, err := os.ReadDir(here)
	require.NoError(t, err)
	require.Empty(t, left)
}
