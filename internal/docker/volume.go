package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"

	"dogear/kind"
)

// Volume is a volume as the engine describes it.
type Volume struct {
	Name       string            `json:"name"`
	Driver     string            `json:"driver"`
	Labels     map[string]string `json:"labels,omitempty"`
	Options    map[string]string `json:"options,omitempty"`
	Mountpoint string            `json:"-"` // on the engine's host
}

// isPlain reports whether the volume's content is simply in the engine's data
// directory. With driver options (a bind, NFS, tmpfs) that directory is empty
// unless a container mounts the volume.
func (v *Volume) isPlain() bool { return v.Driver == "local" && len(v.Options) == 0 }

// InMemory reports whether the content is gone when no container mounts the
// volume any more.
func (v *Volume) InMemory() bool { return v.Driver == "local" && v.Options["type"] == "tmpfs" }

// Directory returns the directory of the engine's host that the volume is
// another name of, or "".
func (v *Volume) Directory() string {
	if v.Driver != "local" || !slices.ContainsFunc(strings.Split(v.Options["o"], ","), isBind) {
		return ""
	}
	return v.Options["device"]
}

func isBind(option string) bool { return option == "bind" || option == "rbind" }

// Volume describes a volume. It returns kind.ErrGone if there is none.
func (e *Engine) Volume(ctx context.Context, name string) (*Volume, error) {
	v, err := e.api.VolumeInspect(ctx, name)
	if err != nil {
		return nil, gone(err)
	}
	return describeVolume(v), nil
}

// CreateVolume creates a volume.
func (e *Engine) CreateVolume(ctx context.Context, v Volume) (*Volume, error) {
	var created volume.Volume
	err := uncut(ctx, func(ctx context.Context) (err error) {
		created, err = e.api.VolumeCreate(ctx, volume.CreateOptions{Name: v.Name, Driver: v.Driver, DriverOpts: v.Options, Labels: v.Labels})
		return err
	})
	if err != nil {
		return nil, err
	}
	return describeVolume(created), nil
}

func describeVolume(v volume.Volume) *Volume {
	return &Volume{Name: v.Name, Driver: v.Driver, Labels: v.Labels, Options: v.Options, Mountpoint: v.Mountpoint}
}

// RemoveVolume removes a volume that no container refers to.
func (e *Engine) RemoveVolume(ctx context.Context, name string) error {
	return gone(uncut(ctx, func(ctx context.Context) error { return e.api.VolumeRemove(ctx, name, false) }))
}

// RunningWith returns the names of the running containers that mount a
// volume, whoever they belong to, but for our own.
func (e *Engine) RunningWith(ctx context.Context, volumeName string) ([]string, error) {
	return e.runningWith(ctx, volumeName, func(container.Summary) bool { return true })
}

// OthersRunningWith returns those of them that are not of the workspace.
func (e *Engine) OthersRunningWith(ctx context.Context, ws *kind.Workspace, volumeName string) ([]string, error) {
	included, err := includedNames(ws)
	if err != nil {
		return nil, err
	}
	return e.runningWith(ctx, volumeName, func(c container.Summary) bool { return !isMember(c, ws.Root, included) })
}

func (e *Engine) runningWith(ctx context.Context, volumeName string, counts func(container.Summary) bool) ([]string, error) {
	listed, err := e.api.ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("volume", volumeName))})
	if err != nil {
		return nil, fmt.Errorf("list the containers that mount %s: %w", volumeName, err)
	}
	var names []string
	for _, c := range listed {
		if !mountsVolume(c, volumeName) || c.Labels[LabelCourier] != "" || !counts(c) {
			continue
		}
		running, err := e.isRunning(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		if running {
			names = append(names, nameOf(c))
		}
	}
	return names, nil
}

// isRunning asks about one container: for a moment the list still has those
// that have just stopped.
func (e *Engine) isRunning(ctx context.Context, id string) (bool, error) {
	c, err := e.Container(ctx, id)
	if errors.Is(err, kind.ErrGone) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at container %s: %w", id, err)
	}
	return c.State.Running, nil
}

// mountsVolume confirms the engine's filter, which also matches mount points.
func mountsVolume(c container.Summary, name string) bool {
	for _, m := range c.Mounts {
		if m.Name == name {
			return true
		}
	}
	return false
}
