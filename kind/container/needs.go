package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/kind"
)

// needsOf lists what must be there before a container can be created and
// started: its image, volumes and networks, and the members it depends on.
func needsOf(ctx context.Context, engine *docker.Engine, c *docker.Container, members []*docker.Container) ([]kind.ID, error) {
	name, err := imageName(ctx, engine, c)
	if err != nil {
		return nil, err
	}
	needs := []kind.ID{{Kind: "image", Name: name}}
	for _, volume := range c.Volumes() {
		needs = append(needs, kind.ID{Kind: "volume", Name: volume})
	}
	for network := range c.NetworkSettings.Networks {
		if !docker.IsPredefined(network) {
			needs = append(needs, kind.ID{Kind: "network", Name: network})
		}
	}
	for _, other := range members {
		if other != c && dependsOn(c, other) {
			needs = append(needs, kind.ID{Kind: Kind, Name: other.Name})
		}
	}
	slices.SortFunc(needs, kind.ID.Compare)
	return slices.Compact(needs), nil
}

// imageName returns the name of the container's image's item. An image that
// was removed by force is known by its id alone.
func imageName(ctx context.Context, engine *docker.Engine, c *docker.Container) (string, error) {
	image, err := engine.Image(ctx, c.Image)
	if errors.Is(err, kind.ErrGone) {
		return c.Image, nil
	}
	if err != nil {
		return "", fmt.Errorf("look at the image of %s: %w", c.Name, err)
	}
	return image.Name(c.Config.Text("Image")), nil
}

// dependsOn reports whether c starts after other: because Compose says so, or
// because it lives in namespaces or with volumes of the other.
func dependsOn(c, other *docker.Container) bool {
	for _, ref := range references(c) {
		if ref == other.ID || ref == other.Name {
			return true
		}
	}
	mine, theirs := c.Labels(), other.Labels()
	sameProject := mine[docker.LabelProject] != "" &&
		mine[docker.LabelProject] == theirs[docker.LabelProject] &&
		mine[docker.LabelWorkingDir] == theirs[docker.LabelWorkingDir]
	if !sameProject || theirs[docker.LabelOneOff] == "True" {
		return false
	}
	// service:condition:restart, comma-separated
	for dependency := range strings.SplitSeq(mine[docker.LabelDependsOn], ",") {
		service, _, _ := strings.Cut(dependency, ":")
		if service != "" && service == theirs[docker.LabelService] {
			return true
		}
	}
	return false
}

// modes are the fields of a HostConfig in which "container:x" joins a
// namespace of another container.
var modes = []string{"NetworkMode", "IpcMode", "PidMode"}

// references returns the containers, by id or name, on which the engine
// itself makes c depend.
func references(c *docker.Container) []string {
	refs := make(map[string]bool)
	for _, field := range modes {
		if ref, ok := strings.CutPrefix(c.HostConfig.Text(field), "container:"); ok {
			refs[ref] = true
		}
	}
	var from []string
	c.HostConfig.Decode("VolumesFrom", &from)
	for _, ref := range from {
		ref, _, _ = strings.Cut(ref, ":")
		refs[ref] = true
	}
	return slices.Sorted(maps.Keys(refs))
}
