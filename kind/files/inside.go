package files

import (
	"context"

	"dogear/internal/tree"
	"dogear/kind"
)

var _ kind.Insider = (*Driver)(nil)

// HasInside reports whether a file or a directory is in the part.
func (*Driver) HasInside(ctx context.Context, part kind.Part, source kind.Source, inside string) error {
	manifest, err := manifestOf(part)
	if err != nil {
		return err
	}
	return tree.HasInside(ctx, manifest, source, inside, part.Claimed)
}

// Narrow leaves all but what is selected.
func (*Driver) Narrow(_ context.Context, _ *kind.Workspace, part kind.Part, _ kind.Source) (*kind.Narrowed, error) {
	return tree.NarrowTo(part.Inside, ""), nil
}

// partOptions describe the tree of a part, or as much of it as is selected.
func partOptions(ws *kind.Workspace, part kind.Part) tree.Options {
	opts := options(ws, part.Item())
	opts.Within = tree.Inside(part.Inside)
	return opts
}
