package image

import (
	"context"
	"errors"

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
	engine, err := d.engines.Engine(ctx)
	if errors.Is(err, docker.ErrNoEngine) {
		return nil
	}
	if err != nil {
		return err
	}
	return engine.DismantleImages(ctx, mark)
}
