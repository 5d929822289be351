package courier_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/courier"
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

// TestCompressed sends what compresses in a tenth of the room, only what the host
// does not have, and counts it; restored it is the same. It fails without the
// compression, and without asking before something is sent.
func TestCompressed(t *testing.T) {
	toCourier, fromHost := io.Pipe()
	toHost, fromCourier := io.Pipe()
	served := make(chan error, 1)
	go func() {
		err := courier.ServeCompressed(context.Background(), toCourier, fromCourier)
		served <- errors.Join(err, fromCourier.Close())
	}()
	sent := &counter{Reader: toHost}
	streams, err := courier.NewCompressed(sent, fromHost)
	require.NoError(t, err)
	client := courier.NewClient(streams, streams)

	root, opened := filepath.Join(t.TempDir(), "tree"), storetest.Open(t)
	require.NoError(t, os.Mkdir(root, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(root, "text"), bytes.Repeat([]byte("as it was, "), 1<<19), 0o600))
	session, err := opened.Begin(t.Context())
	require.NoError(t, err)
	captured := func() (manifest kind.Object, content int64) {
		t.Helper()
		traffic := &kind.Traffic{}
		c, err := client.Tree(root).Capture(t.Context(), tree.Options{Traffic: traffic}, session.Sink())
		require.NoError(t, err)
		require.NoError(t, c.Take(t.Context()))
		result, err := c.Finish(t.Context())
		require.NoError(t, err)
		require.NoError(t, c.Close())
		return result.Manifest, traffic.Captured()
	}
	manifest, content := captured()
	require.Positive(t, content)
	require.Less(t, sent.n.Load(), content/10)
	_, again := captured()
	require.Zero(t, again)

	require.NoError(t, os.Remove(filepath.Join(root, "text")))
	traffic := &kind.Traffic{}
	_, err = client.Tree(root).Apply(t.Context(), tree.Options{Traffic: traffic}, manifest, session)
	require.NoError(t, err)
	require.Positive(t, traffic.Restored())
	restored, err := os.ReadFile(filepath.Join(root, "text"))
	require.NoError(t, err)
	require.Len(t, restored, 11<<19)
	require.NoError(t, session.Abort())
	require.NoError(t, streams.CloseWrite())
	require.NoError(t, fromHost.Close())
	require.NoError(t, <-served)
	require.NoError(t, client.Wait(t.Context()))
}

// counter counts what is read.
type counter struct {
	io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}
