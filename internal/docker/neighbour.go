package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"dogear/kind"
)

// Neighbour is a running container that is not of a workspace, and shares
// something with its containers.
type Neighbour struct {
	Name    string
	Volumes []string // that it may write to, sorted
	Network string   // the member in whose network namespace it lives, or that lives in its own
}

// Neighbours lists the neighbours of a workspace, sorted by name.
func (e *Engine) Neighbours(ctx context.Context, ws *kind.Workspace) ([]Neighbour, error) {
	included, err := includedNames(ws)
	if err != nil {
		return nil, err
	}
	listed, err := e.api.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	var members, others []container.Summary
	for _, c := range listed {
		_, ours := c.Labels[LabelCourier]
		switch {
		case isMember(c, ws.Root, included):
			members = append(members, c)
		case !ours && c.State == "running":
			others = append(others, c)
		}
	}
	var neighbours []Neighbour
	for _, c := range others {
		n := Neighbour{Name: nameOf(c), Volumes: sharedVolumes(c, members), Network: sharedNetwork(c, members)}
		if len(n.Volumes) > 0 || n.Network != "" {
			neighbours = append(neighbours, n)
		}
	}
	slices.SortFunc(neighbours, func(a, b Neighbour) int { return strings.Compare(a.Name, b.Name) })
	return neighbours, nil
}

func nameOf(c container.Summary) string {
	if len(c.Names) == 0 {
		return c.ID
	}
	return strings.TrimPrefix(c.Names[0], "/")
}

// sharedVolumes lists the volumes of members that a container may write to.
func sharedVolumes(c container.Summary, members []container.Summary) []string {
	var shared []string
	for _, m := range c.Mounts {
		used := func(member container.Summary) bool { return mountsVolume(member, m.Name) }
		if m.Name != "" && m.RW && slices.ContainsFunc(members, used) {
			shared = append(shared, m.Name)
		}
	}
	slices.Sort(shared)
	return slices.Compact(shared)
}

// sharedNetwork returns the member that has its network namespace in common
// with a container, or "".
func sharedNetwork(c container.Summary, members []container.Summary) string {
	for _, m := range members {
		if joinsNetworkOf(c, m) || joinsNetworkOf(m, c) {
			return nameOf(m)
		}
	}
	return ""
}

func joinsNetworkOf(c, other container.Summary) bool {
	ref, joins := strings.CutPrefix(c.HostConfig.NetworkMode, "container:")
	return joins && (ref == other.ID || ref == nameOf(other))
}
