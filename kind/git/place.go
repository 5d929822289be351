package git

import (
	"context"

	"dogear/kind"
)

var _ kind.Placer = (*Driver)(nil)

// Place is where the tree is.
func (*Driver) Place(_ context.Context, _ *kind.Workspace, part kind.Part) (kind.Place, error) {
	return kind.PlaceOf(part.Root)
}
