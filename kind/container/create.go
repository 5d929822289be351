package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/kind"
)

// create creates a container as it was set up. It is not started, and will
// not start by itself.
func create(ctx context.Context, engine *docker.Engine, want *description) (*description, error) {
	if err := requireMounts(ctx, engine, want); err != nil {
		return nil, err
	}
	creation, err := want.creation(ctx, engine)
	if err != nil {
		return nil, err
	}
	id, err := engine.Create(ctx, creation)
	if err != nil {
		return nil, fmt.Errorf("create the container: %w", err)
	}
	made, err := engine.Container(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("look at the container just created: %w", err)
	}
	return describe(ctx, engine, made)
}

// requireMounts refuses before the engine would make volumes and directories
// of its own.
func requireMounts(ctx context.Context, engine *docker.Engine, want *description) error {
	for _, name := range want.Volumes() {
		if _, err := engine.Volume(ctx, name); err != nil {
			return fmt.Errorf("its volume %s: %w", name, err)
		}
	}
	if missing := missingSources(engine, want); len(missing) > 0 {
		return fmt.Errorf("the directories that it mounts are missing: %s", strings.Join(missing, ", "))
	}
	return nil
}

// missingSources lists the bind sources that are not there.
func missingSources(engine *docker.Engine, want *description) []string {
	var missing []string
	for _, m := range want.Mounts {
		if m.Type != "bind" || !engine.Local() {
			continue
		}
		if _, err := os.Lstat(m.Source); errors.Is(err, os.ErrNotExist) {
			missing = append(missing, m.Source)
		}
	}
	slices.Sort(missing)
	return missing
}

// creation is the request that makes the container again: everything
// verbatim, but for what names things by ids that are gone.
func (d *description) creation(ctx context.Context, engine *docker.Engine) (docker.Creation, error) {
	config, err := d.creationConfig(ctx, engine)
	if err != nil {
		return docker.Creation{}, err
	}
	host, err := d.pinned()
	if err != nil {
		return docker.Creation{}, err
	}
	if engine.UpdatesPolicies() { // it gets its own when it is started
		if host, err = host.With("RestartPolicy", docker.RestartPolicy{Name: "no"}); err != nil {
			return docker.Creation{}, err
		}
	}
	for _, field := range modes {
		if host, err = host.With(field, d.translate(d.HostConfig.Text(field))); err != nil {
			return docker.Creation{}, err
		}
	}
	network := d.primary()
	return docker.Creation{Name: d.Name, Config: config, HostConfig: host, Network: network, Endpoint: d.endpoint(network)}, nil
}

func (d *description) creationConfig(ctx context.Context, engine *docker.Engine) (docker.Fields, error) {
	config := d.Config
	image, err := engine.Image(ctx, config.Text("Image"))
	if err != nil && !errors.Is(err, kind.ErrGone) {
		return nil, fmt.Errorf("look at image %s: %w", config.Text("Image"), err)
	}
	if err != nil || image.ID != d.Image {
		// The reference means another image now: the image itself counts.
		if config, err = config.With("Image", d.Image); err != nil {
			return nil, err
		}
	}
	var drop []string
	if d.joins("NetworkMode") {
		drop = append(drop, "Hostname", "Domainname", "ExposedPorts") // of the other container; refused here
	}
	if d.HostConfig.Text("UTSMode") == "host" {
		drop = append(drop, "Hostname", "Domainname")
	}
	for _, field := range drop {
		if config, err = config.With(field, nil); err != nil {
			return nil, err
		}
	}
	return config, nil
}
