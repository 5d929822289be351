// Package files is the driver for the files of a workspace whose root is no
// repository: everything below the root that no other item owns. What a file
// means is no business of this package.
package files

import (
	"context"
	"errors"
	"slices"
	"strings"

	"dogear/internal/tree"
	"dogear/kind"
)

// Driver is the files driver.
type Driver struct{}

var (
	_ kind.Driver    = (*Driver)(nil)
	_ kind.Resting   = (*Driver)(nil)
	_ kind.Previewer = (*Driver)(nil)
	_ kind.Prover    = (*Driver)(nil)
)

// New returns the driver.
func New() *Driver { return &Driver{} }

// Kind returns "files".
func (*Driver) Kind() string { return "files" }

// Find returns the workspace's own tree, unless an item owns it already. The
// trees within it are restored before it, which then sets the attributes of
// the directories on the way.
func (*Driver) Find(_ context.Context, ws *kind.Workspace, found []kind.Item) ([]kind.Item, error) {
	tree := kind.Item{ID: kind.ID{Kind: "files", Name: "."}, Root: ws.Root}
	for _, item := range found {
		if item.Root == ws.Root {
			return nil, nil
		}
		if strings.HasPrefix(item.Root, ws.Root+"/") {
			tree.Needs = append(tree.Needs, item.ID)
		}
	}
	return []kind.Item{tree}, nil
}

// Inspect returns a fact for each entry of the tree.
func (*Driver) Inspect(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	return tree.Facts(tree.New(item.Root).Entries(ctx, options(ws, item)), "", compared(ws, item))
}

// compared returns the patterns of what is not compared.
func compared(ws *kind.Workspace, item kind.Item) []kind.Pattern {
	return slices.Concat(item.Claimed, ws.Volatile)
}

// InspectRest returns the rest facts of the live tree.
func (*Driver) InspectRest(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	return tree.Facts(tree.New(item.Root).Entries(ctx, options(ws, item)), "", nil)
}

// Rest returns the rest facts of a captured tree.
func (*Driver) Rest(ctx context.Context, part kind.Part, source kind.Source) kind.Facts {
	manifest, err := manifestOf(part)
	if err != nil {
		return kind.FailedFacts(err)
	}
	return tree.Facts(tree.ReadManifest(ctx, source, manifest), "", nil)
}

// Preview says what Restore would do.
func (*Driver) Preview(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (kind.Change, error) {
	changes, err := compare(ctx, ws, part, source)
	switch {
	case errors.Is(err, kind.ErrGone):
		return kind.Change{Action: kind.ActionCreate}, nil
	case err != nil:
		return kind.Change{}, err
	case changes.None():
		return kind.Change{Action: kind.ActionNone}, nil
	}
	return kind.Change{
		Action: kind.ActionPatch, Details: changes.Details, Bytes: changes.Bytes, Grows: changes.Grows(), Chunks: changes.Chunks, Pieces: changes.Pieces, Fresh: changes.Fresh(), Conflicts: changes.Conflicts,
	}, nil
}

// IsAtRest reports whether nothing differs.
func (*Driver) IsAtRest(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (bool, error) {
	changes, err := compare(ctx, ws, part, source)
	return changes.Identical() && err == nil, err
}

func compare(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (tree.Changes, error) {
	manifest, err := manifestOf(part)
	if err != nil {
		return tree.Changes{}, err
	}
	return tree.New(part.Root).Compare(ctx, partOptions(ws, part), manifest, source)
}

// Restore makes the tree what the part says.
func (*Driver) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	manifest, err := manifestOf(part)
	if err != nil {
		return err
	}
	_, err = tree.New(part.Root).Apply(ctx, partOptions(ws, part), manifest, source)
	return err
}

func manifestOf(part kind.Part) (kind.Object, error) {
	manifest, ok := part.Object("tree")
	if !ok {
		return kind.Object{}, errors.New("the part has no tree")
	}
	return manifest, nil
}

func options(ws *kind.Workspace, item kind.Item) tree.Options {
	return tree.Options{Nested: item.Nested, InPlace: item.Claimed, Index: tree.CacheIndex(ws.Cache, item.ID), Shared: ws.Shared, Kept: ws.Kept}
}
