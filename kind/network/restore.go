package network

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/kind"
)

// Restore creates a network that is missing, and makes again one that is set
// up differently. It touches no running container.
func (d *Driver) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	want, err := captured(ctx, part, source)
	if err != nil {
		return err
	}
	engine, live, err := d.look(ctx, part.ID)
	if err == nil {
		if same(live, want) {
			return nil
		}
		err = remove(ctx, engine, ws, live)
	}
	if err != nil && !errors.Is(err, kind.ErrGone) {
		return err
	}
	return create(ctx, engine, want)
}

// create asks for the recorded addresses, also where the engine had chosen
// them: containers may have been given fixed ones. Chosen ones that are taken
// by now are left to the engine again.
func create(ctx context.Context, engine *docker.Engine, want *docker.Network) error {
	err := engine.CreateNetwork(ctx, *want, want.IPAM.Config)
	if err != nil && !want.HasChosenAddresses() {
		err = engine.CreateNetwork(ctx, *want, nil)
	}
	if err != nil {
		return fmt.Errorf("create it: %w", err)
	}
	return nil
}

// Remove removes a network to which no running container, and none of others,
// is attached.
func (d *Driver) Remove(ctx context.Context, ws *kind.Workspace, item kind.Item) error {
	engine, live, err := d.look(ctx, item.ID)
	if errors.Is(err, kind.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	return remove(ctx, engine, ws, live)
}

// RemoveNamed removes a network that nothing may use, if it is there.
func (d *Driver) RemoveNamed(ctx context.Context, ws *kind.Workspace, id kind.ID) error {
	return d.Remove(ctx, ws, kind.Item{ID: id})
}

// remove leaves members of the workspace attached to a network that is gone;
// restoring them attaches them to the one that takes its place.
func remove(ctx context.Context, engine *docker.Engine, ws *kind.Workspace, live *docker.Network) error {
	conflicts, err := inTheWay(ctx, engine, ws, live)
	if err != nil {
		return err
	}
	if len(conflicts) > 0 {
		return errors.New(strings.Join(conflicts, "; "))
	}
	if err := engine.RemoveNetwork(ctx, live.ID); err != nil && !errors.Is(err, kind.ErrGone) {
		return fmt.Errorf("remove it: %w", err)
	}
	return nil
}

// inTheWay names the containers that keep a network from being removed.
func inTheWay(ctx context.Context, engine *docker.Engine, ws *kind.Workspace, live *docker.Network) ([]string, error) {
	attached, err := engine.Attached(ctx, live.ID)
	if err != nil {
		return nil, err
	}
	var conflicts []string
	for _, c := range attached {
		member, err := c.IsMember(ws)
		if err != nil {
			return nil, err
		}
		switch {
		case !member:
			conflicts = append(conflicts, "container "+c.Name+" of another project is attached to it: detach it")
		case c.State.Running:
			conflicts = append(conflicts, "container "+c.Name+" still runs in it")
		}
	}
	return conflicts, nil
}

// Preview says what Restore would do.
func (d *Driver) Preview(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (kind.Change, error) {
	want, err := captured(ctx, part, source)
	if err != nil {
		return kind.Change{}, err
	}
	engine, live, err := d.look(ctx, part.ID)
	switch {
	case errors.Is(err, kind.ErrGone):
		conflicts, err := overlaps(ctx, engine, want)
		return kind.Change{Action: kind.ActionCreate, Conflicts: conflicts}, err
	case errors.Is(err, docker.ErrSeveral):
		return kind.Change{Action: kind.ActionRecreate, Conflicts: []string{err.Error()}}, nil
	case err != nil:
		return kind.Change{}, err
	case same(live, want):
		return kind.Change{Action: kind.ActionNone}, nil
	}
	change := kind.Change{Action: kind.ActionRecreate}
	if change.Conflicts, err = overlaps(ctx, engine, want); err != nil {
		return kind.Change{}, err
	}
	attached, err := engine.Attached(ctx, live.ID)
	for _, c := range attached {
		if member, err := c.IsMember(ws); err == nil && !member {
			change.Conflicts = append(change.Conflicts, "container "+c.Name+" of another project is attached to it: detach it")
		}
	}
	return change, err
}

// overlaps names the networks whose addresses keep this one from being made
// with those that were chosen for it. Its own live self will be gone by then.
func overlaps(ctx context.Context, engine *docker.Engine, want *docker.Network) ([]string, error) {
	if !want.HasChosenAddresses() {
		return nil, nil
	}
	others, err := engine.Overlapping(ctx, *want)
	var conflicts []string
	for _, other := range others {
		conflicts = append(conflicts, "its addresses overlap with those of network "+other+": remove that one")
	}
	return conflicts, err
}

func same(live, want *docker.Network) bool {
	mine, theirs := facts(live), facts(want)
	kind.SortFacts(mine)
	kind.SortFacts(theirs)
	return slices.Equal(mine, theirs)
}

func captured(ctx context.Context, part kind.Part, source kind.Source) (*docker.Network, error) {
	object, ok := part.Object(settingsObject)
	if !ok {
		return nil, errors.New("the part has no settings of the network")
	}
	var n docker.Network
	return &n, content.GetJSON(ctx, source, object, &n)
}
