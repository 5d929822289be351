package kindtest_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// bare is the least driver there can be: a directory tree and nothing else.
type bare struct{}

func (bare) Kind() string { return "bare" }

func (bare) Find(_ context.Context, ws *kind.Workspace, _ []kind.Item) ([]kind.Item, error) {
	return []kind.Item{{ID: kind.ID{Kind: "bare", Name: "."}, Root: ws.Root}}, nil
}

func (bare) Inspect(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	return tree.Facts(tree.New(item.Root).Entries(ctx, options(ws, item.ID)), "", nil)
}

func options(ws *kind.Workspace, id kind.ID) tree.Options {
	return tree.Options{Index: tree.CacheIndex(ws.Cache, id)}
}

func (b bare) InspectRest(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	return b.Inspect(ctx, ws, item)
}

func (bare) Rest(ctx context.Context, part kind.Part, source kind.Source) kind.Facts {
	return tree.Facts(tree.ReadManifest(ctx, source, part.Objects[0]), "", nil)
}

func (bare) Open(ctx context.Context, ws *kind.Workspace, item kind.Item, sink kind.Sink) (kind.Capture, error) {
	c, err := tree.New(item.Root).Capture(ctx, options(ws, item.ID), sink)
	return bareCapture{c, item}, err
}

func (bare) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	_, err := tree.New(part.Root).Apply(ctx, options(ws, part.ID), part.Objects[0], source)
	return err
}

type bareCapture struct {
	tree.Capture
	item kind.Item
}

func (c bareCapture) Finish(ctx context.Context) (kind.Part, error) {
	result, err := c.Capture.Finish(ctx)
	return kind.Part{
		ID: c.item.ID, Root: c.item.Root, Objects: []kind.Object{result.Manifest},
		Held: result.Held, Facts: tree.Facts(result.Entries, "", nil),
	}, err
}

func TestTheTreeEngineConforms(t *testing.T) {
	root := filepath.Join(t.TempDir(), "ws")
	require.NoError(t, os.Mkdir(root, 0o755))
	kindtest.PlantTree(t, filepath.Join(root, "planted"))
	kindtest.Run(t, kindtest.Harness{
		Driver:    bare{},
		Workspace: kindtest.Workspace(root),
		Item:      kind.ID{Kind: "bare", Name: "."},
		Mutations: kindtest.TreeMutations(root, "planted", kindtest.Plain),
		Witness:   func(t *testing.T) any { return kindtest.Inodes(t, root) },
		Same: []kindtest.Mutation{{Name: "access time", Do: func(t *testing.T) {
			times := []unix.Timespec{{Sec: 5}, {Nsec: unix.UTIME_OMIT}}
			require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(root, "planted/file"), times, 0))
		}}},
		Remove: func(t *testing.T) { require.NoError(t, os.RemoveAll(root)) },
	})
}
