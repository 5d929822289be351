package container

import (
	"context"

	"dogear/kind"
)

var _ kind.Diarist = (*Driver)(nil)

// LastLines returns the end of the container's log.
func (d *Driver) LastLines(ctx context.Context, _ *kind.Workspace, id kind.ID, n int) ([]string, error) {
	engine, live, err := d.look(ctx, id)
	if err != nil {
		return nil, err
	}
	return engine.LastLines(ctx, live.Container, n)
}
