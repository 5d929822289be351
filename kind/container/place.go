package container

import (
	"context"

	"dogear/kind"
)

var _ kind.Placer = (*Driver)(nil)

// Place is the engine's data directory.
func (d *Driver) Place(ctx context.Context, _ *kind.Workspace, _ kind.Part) (kind.Place, error) {
	engine, err := d.engines.Engine(ctx)
	if err != nil {
		return kind.Place{}, err
	}
	return engine.Place()
}
