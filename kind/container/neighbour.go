package container

import (
	"context"
	"errors"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/kind"
)

// Neighbours lists the running containers of others that write to a volume of
// the workspace's, or share a network namespace with a container of it.
func (d *Driver) Neighbours(ctx context.Context, ws *kind.Workspace) ([]kind.Neighbour, error) {
	engine, err := d.engines.Engine(ctx)
	if errors.Is(err, docker.ErrNoEngine) || errors.Is(err, docker.ErrDenied) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	listed, err := engine.Neighbours(ctx, ws)
	if err != nil {
		return nil, err
	}
	var neighbours []kind.Neighbour
	for _, n := range listed {
		neighbours = append(neighbours, describeNeighbour(n))
	}
	return neighbours, nil
}

func describeNeighbour(n docker.Neighbour) kind.Neighbour {
	var needs []kind.ID
	var shares []string
	for _, volume := range n.Volumes {
		needs = append(needs, kind.ID{Kind: "volume", Name: volume})
		shares = append(shares, "volume "+volume)
	}
	if n.Network != "" {
		shares = append(shares, "the network namespace of "+n.Network)
	}
	return kind.Neighbour{
		ID: kind.ID{Kind: Kind, Name: n.Name}, Needs: needs,
		Why: "it is not of this workspace; it shares " + strings.Join(shares, " and ") + ", and was only frozen meanwhile",
	}
}

// Watches reports whether a container can talk to the engine: those that do
// restart what is unhealthy, as everything frozen is.
func (d *Driver) Watches(ctx context.Context, _ *kind.Workspace, id kind.ID) (bool, error) {
	engine, live, err := d.look(ctx, id)
	if errors.Is(err, kind.ErrGone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(live.Mounts, func(m docker.Mount) bool { return m.Type == "bind" && engine.IsSocket(m.Source) }), nil
}
