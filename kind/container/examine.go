package container

import (
	"context"
	"errors"
	"fmt"

	"dogear/internal/docker"
	"dogear/kind"
)

var _ kind.Examiner = (*Driver)(nil)

// Examine looks for the engine, and how its directories are read.
func (d *Driver) Examine(ctx context.Context, _ *kind.Workspace) kind.Finding {
	engine, err := d.engines.Engine(ctx)
	if err != nil {
		return kind.Finding{Missing: true, Detail: err.Error(), Hint: wayOut(err)}
	}
	return kind.Finding{Detail: fmt.Sprintf("%s %s at %s, API %s, %s read %s",
		engine.Name(), engine.Version(), engine.Host(), engine.APIVersion(), engine.StorageDriver(), how(engine))}
}

func wayOut(err error) string {
	if errors.Is(err, docker.ErrDenied) {
		return "join the group that owns its socket (often: sudo usermod -aG docker $USER, then log in again)"
	}
	return "start the Docker engine, or name it in DOCKER_HOST"
}

func how(engine *docker.Engine) string {
	if engine.ReadsItself() {
		return "directly"
	}
	if !engine.Local() {
		return "through the courier, which sends what it reads"
	}
	return "through the courier"
}
