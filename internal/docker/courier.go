package docker

import (
	"context"
	"errors"

	"dogear/internal/tree"
)

type courierContainer struct{}

func (c *courierContainer) remove() error { return nil }

func (e *Engine) courierTree(ctx context.Context, path string) (tree.Tree, error) {
	return nil, errors.New("only root can read the engine's data directory for now")
}
