package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"dogear/kind"
)

func marked(mark string) filters.Args {
	return filters.NewArgs(filters.Arg("label", kind.LabelRehearsal+"="+mark))
}

// RehearsalLabels returns the labels that something has in a rehearsal: the
// project is another one, and the mark is added.
func RehearsalLabels(labels map[string]string, stage kind.Rehearsal) map[string]string {
	rehearsed := make(map[string]string, len(labels)+1)
	maps.Copy(rehearsed, labels)
	if project, ok := labels[LabelProject]; ok {
		rehearsed[LabelProject] = stage.Name(project)
	}
	rehearsed[kind.LabelRehearsal] = stage.Mark
	return rehearsed
}

// Dismantle removes from the engine what a rehearsal has made there. Without
// an engine there is nothing.
func (c *Connector) Dismantle(ctx context.Context, mark string, remove func(*Engine, context.Context, string) error) error {
	engine, err := c.Engine(ctx)
	if errors.Is(err, ErrNoEngine) {
		return nil
	}
	if err != nil {
		return err
	}
	return remove(engine, ctx, mark)
}

// DismantleContainers kills and removes the containers of a rehearsal.
func (e *Engine) DismantleContainers(ctx context.Context, mark string) error {
	listed, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: marked(mark)})
	if err != nil {
		return fmt.Errorf("list the containers of the rehearsal: %w", err)
	}
	for _, c := range listed {
		err := e.api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true})
		if err := gone(err); err != nil && !errors.Is(err, kind.ErrGone) {
			return fmt.Errorf("remove container %s: %w", nameOf(c), err)
		}
	}
	return nil
}

// DismantleVolumes removes the volumes of a rehearsal.
func (e *Engine) DismantleVolumes(ctx context.Context, mark string) error {
	listed, err := e.api.VolumeList(ctx, volume.ListOptions{Filters: marked(mark)})
	if err != nil {
		return fmt.Errorf("list the volumes of the rehearsal: %w", err)
	}
	for _, v := range listed.Volumes {
		if err := e.RemoveVolume(ctx, v.Name); err != nil && !errors.Is(err, kind.ErrGone) {
			return fmt.Errorf("remove volume %s: %w", v.Name, err)
		}
	}
	return nil
}

// DismantleNetworks removes the networks of a rehearsal.
func (e *Engine) DismantleNetworks(ctx context.Context, mark string) error {
	listed, err := e.api.NetworkList(ctx, network.ListOptions{Filters: marked(mark)})
	if err != nil {
		return fmt.Errorf("list the networks of the rehearsal: %w", err)
	}
	for _, n := range listed {
		if err := e.RemoveNetwork(ctx, n.ID); err != nil && !errors.Is(err, kind.ErrGone) {
			return fmt.Errorf("remove network %s: %w", n.Name, err)
		}
	}
	return nil
}

// DismantleImages removes the names that a rehearsal gave to images, and with
// the last name of one the image.
func (e *Engine) DismantleImages(ctx context.Context, mark string) error {
	listed, err := e.api.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", mark+"*"), filters.Arg("reference", mark+"*/*"), filters.Arg("reference", mark+"*/*/*"))})
	if err != nil {
		return fmt.Errorf("list the images of the rehearsal: %w", err)
	}
	for _, i := range listed {
		for _, reference := range i.RepoTags {
			if len(reference) < len(mark) || reference[:len(mark)] != mark {
				continue
			}
			if err := e.removeImage(ctx, reference); err != nil && !errors.Is(err, kind.ErrGone) {
				return fmt.Errorf("remove image %s: %w", reference, err)
			}
		}
	}
	return nil
}
