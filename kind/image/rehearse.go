package image

import (
	"context"

	"dogear/internal/docker"
	"dogear/kind"
)

var _ kind.Rehearser = (*Driver)(nil)

// Rehearse gives the image another name, so that it can be told afterwards
// whether it was there. One without a name is loaded if it is missing, and
// stays: nothing tells whose it is.
func (*Driver) Rehearse(_ context.Context, part kind.Part, _ kind.Source, _ kind.Sink, stage kind.Rehearsal) (kind.Relocated, error) {
	if isReference(part.ID.Name) {
		part.ID.Name = stage.Name(part.ID.Name)
	}
	return kind.Relocated{Part: part}, nil
}

// Dismantle removes the images of a rehearsal.
func (d *Driver) Dismantle(ctx context.Context, mark string) error {
	return d.engines.Dismantle(ctx, mark, (*docker.Engine).DismantleImages)
}
