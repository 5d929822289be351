package courier_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/courier"
	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// start runs a courier in this process; end closes its input.
func start(t *testing.T) (client *courier.Client, end func()) {
	t.Helper()
	toCourier, fromHost := io.Pipe()
	toHost, fromCourier := io.Pipe()
	served := make(chan error, 1)
	go func() {
		err := courier.Serve(context.Background(), toCourier, fromCourier)
		served <- errors.Join(err, fromCourier.Close())
	}()
	client = courier.NewClient(toHost, fromHost)
	ended := false
	end = func() {
		if !ended {
			ended = true
			require.NoError(t, fromHost.Close())
			require.NoError(t, <-served)
			require.NoError(t, client.Wait(context.Background()))
		}
	}
	t.Cleanup(end)
	require.NoError(t, client.Hello(t.Context()))
	return client, end
}

func plant(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "tree")
	kindtest.PlantTree(t, root)
	return root
}

func TestRoundTrip(t *testing.T) {
	client, _ := start(t)
	root, store, ctx := plant(t), kindtest.NewMemory(), t.Context()
	cache := kindtest.NewCache()
	opts := tree.Options{Index: tree.CacheIndex(cache, kind.ID{Kind: "volume", Name: "v"})}
	there, here := client.Tree(root), tree.New(root)

	c, err := there.Capture(ctx, opts, store)
	require.NoError(t, err)
	require.NoError(t, c.(kind.Preparer).Prepare(ctx))
	require.NoError(t, c.Take(ctx))
	result, err := c.Finish(ctx)
	require.NoError(t, err)
	want := facts(t, here, ctx)
	require.Equal(t, want, kindtest.Collect(t, tree.Facts(result.Entries, "/", nil)))
	require.Equal(t, want, kindtest.Collect(t, tree.Facts(result.Entries, "/", nil)), "a second time")
	require.NoError(t, c.Close())
	require.NotNil(t, opts.Index.Load(), "the stat index was not kept")
	require.Equal(t, want, facts(t, there, ctx))

	require.NoError(t, os.Remove(filepath.Join(root, "file")))
	require.NoError(t, os.WriteFile(filepath.Join(root, "new"), nil, 0o600))
	changes, err := there.Apply(ctx, opts, result.Manifest, store)
	require.NoError(t, err)
	require.False(t, changes.None())
	require.Equal(t, want, facts(t, here, ctx))
}

func facts(t *testing.T, tr tree.Tree, ctx context.Context) []kind.Fact {
	t.Helper()
	return kindtest.Collect(t, tree.Facts(tr.Entries(ctx, tree.Options{}), "/", nil))
}

func TestErrorsKeepTheirMeaning(t *testing.T) {
	client, _ := start(t)
	for _, err := range client.Tree("/does/not/exist").Entries(t.Context(), tree.Options{}) {
		require.ErrorIs(t, err, kind.ErrGone)
	}
	root := plant(t)
	c, err := client.Tree(root).Capture(t.Context(), tree.Options{}, fullStore{})
	require.NoError(t, err)
	require.ErrorIs(t, c.Prepare(t.Context()), unix.ENOSPC)
	require.NoError(t, c.Close())
}

// fullStore takes nothing.
type fullStore struct{}

func (fullStore) Known(_ context.Context, ids []kind.ChunkID) ([]bool, error) {
	return make([]bool, len(ids)), nil
}

func (fullStore) Put(context.Context, []byte) (kind.ChunkID, error) {
	return kind.ChunkID{}, unix.ENOSPC
}

// TestCancel ends work that waits for the host, and leaves the rest alone.
func TestCancel(t *testing.T) {
	client, _ := start(t)
	root := plant(t)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	_, err := client.Tree(root).Apply(ctx, tree.Options{}, kind.Object{Name: "m", Size: 1, Chunks: []kind.ChunkID{{}}},
		stuckStore(func() { close(asked); cancel() }))
	require.ErrorIs(t, err, context.Canceled)
	<-asked
	require.NoError(t, client.Hello(t.Context()))
}

// stuckStore never gives anything.
type stuckStore func()

func (s stuckStore) Get(ctx context.Context, _ kind.ChunkID, _ []byte) ([]byte, error) {
	s()
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestEnd fails what is open when the courier ends.
func TestEnd(t *testing.T) {
	client, end := start(t)
	c, err := client.Tree(plant(t)).Capture(t.Context(), tree.Options{}, kindtest.NewMemory())
	require.NoError(t, err)
	end()
	require.True(t, client.Ended())
	require.Error(t, c.Take(t.Context()))
	require.Error(t, client.Hello(t.Context()))
	require.Error(t, c.Close())
}

// TestManyAtOnce pulls on two streams in turns, as comparing two trees does.
func TestManyAtOnce(t *testing.T) {
	client, _ := start(t)
	a, b := client.Tree(plant(t)), client.Tree(plant(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	merged := kind.Merge(
		tree.Facts(a.Entries(ctx, tree.Options{}), "a/", nil),
		tree.Facts(b.Entries(ctx, tree.Options{}), "b/", nil),
	)
	require.Len(t, kindtest.Collect(t, merged), 2*len(facts(t, a, ctx)))
}
