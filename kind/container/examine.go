package container

import (
	"context"
	"fmt"

	"dogear/internal/docker"
	"dogear/kind"
)

var _ kind.Examiner = (*Driver)(nil)

// Examine looks for the engine, and how its directories are read.
func (d *Driver) Examine(ctx context.Context, _ *kind.Workspace) kind.Finding {
	engine, err := d.engines.Engine(ctx)
	if err != nil {
		return kind.Finding{
			Missing: true, Detail: err.Error(),
			Hint: "start the Docker engine, or name it in DOCKER_HOST",
		}
	}
	return kind.Finding{Detail: fmt.Sprintf("Docker %s at %s, API %s, %s read %s",
		engine.Version(), engine.Host(), engine.APIVersion(), engine.StorageDriver(), how(engine))}
}

func how(engine *docker.Engine) string {
	if engine.ReadsItself() {
		return "directly"
	}
	return "through the courier"
}
