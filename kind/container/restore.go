package container

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dogear/internal/docker"
	"dogear/internal/tree"
	"dogear/kind"
)

// Restore corrects a container that still exists as it was set up, so that it
// keeps its id; else it creates it again.
func (d *Driver) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	want, err := captured(ctx, part, source)
	if err != nil {
		return err
	}
	engine, live, err := d.look(ctx, part.ID)
	if err == nil && live.sameConfiguration(want, ws) {
		return d.correct(ctx, ws, engine, live, want, part, source)
	}
	if err == nil {
		err = remove(ctx, engine, ws, live)
	}
	if err != nil && !errors.Is(err, kind.ErrGone) {
		return err
	}
	if live, err = create(ctx, engine, want); err != nil {
		return err
	}
	return d.correct(ctx, ws, engine, live, want, part, source)
}

// noLayer is what stands in the way of a layer that was captured exactly.
const noLayer = "its writable layer was captured, and this engine keeps none that can be reached: restore it on an engine with overlayfs"

// sameConfiguration reports whether nothing differs that could be changed
// only by creating the container again.
func (d *description) sameConfiguration(want *description, ws *kind.Workspace) bool {
	mine, theirs := d.configuration(ws), want.configuration(ws)
	kind.SortFacts(mine)
	kind.SortFacts(theirs)
	return slices.Equal(mine, theirs)
}

// correct makes networks and writable layer of an existing container right.
// Until Start sets its restart policy it does not start by itself, whatever the
// engine goes through meanwhile.
func (d *Driver) correct(ctx context.Context, ws *kind.Workspace, engine *docker.Engine, live, want *description, part kind.Part, source kind.Source) error {
	if owned, err := live.IsMember(ws); err != nil || !owned {
		return errors.Join(err, foreign(live, ws, owned))
	}
	if live.State == Stopped {
		if err := holdBack(ctx, engine, live); err != nil {
			return err
		}
		if err := attach(ctx, engine, live, want); err != nil {
			return err
		}
	}
	manifest, ok := part.Object(layerObject)
	if !ok {
		return restoreHanded(ctx, ws, engine, live, part, source)
	}
	if live.layer == "" {
		return errors.New(noLayer)
	}
	layer, err := engine.Tree(ctx, live.layer)
	if err != nil {
		return fmt.Errorf("reach the writable layer: %w", err)
	}
	if live.State != Stopped {
		// Whoever changes the layer of a mounted overlay harms it.
		return requireUnchanged(ctx, layer, layerOptions(ws, part.ID), manifest, source)
	}
	if _, err := layer.Apply(ctx, layerOptions(ws, part.ID), manifest, source); err != nil {
		return fmt.Errorf("restore the writable layer: %w", err)
	}
	return nil
}

// HoldBack sets the restart policy of a container aside.
func (d *Driver) HoldBack(ctx context.Context, _ *kind.Workspace, id kind.ID) error {
	engine, live, err := d.look(ctx, id)
	if errors.Is(err, kind.ErrGone) {
		return nil
	}
	if err != nil || live.State != Stopped {
		return err
	}
	return holdBack(ctx, engine, live)
}

// holdBack keeps the engine from starting a container when it is started itself.
func holdBack(ctx context.Context, engine *docker.Engine, live *description) error {
	never := docker.RestartPolicy{Name: "no"}
	if live.RestartPolicy() == never || !engine.UpdatesPolicies() {
		return nil
	}
	if err := engine.SetRestartPolicy(ctx, live.ID, never); err != nil {
		return fmt.Errorf("set its restart policy aside: %w", err)
	}
	return nil
}

func requireUnchanged(ctx context.Context, layer tree.Tree, opts tree.Options, manifest kind.Object, source kind.Source) error {
	changes, err := layer.Compare(ctx, opts, manifest, source)
	if err != nil {
		return fmt.Errorf("compare the writable layer: %w", err)
	}
	if !changes.None() {
		return errors.New("its writable layer differs, and cannot be corrected while it runs: leave it stopped until the restore is done")
	}
	return nil
}

// remove removes a container of the workspace that is not running, and whose
// layer could be captured. Its volumes stay.
func remove(ctx context.Context, engine *docker.Engine, ws *kind.Workspace, live *description) error {
	owned, err := live.IsMember(ws)
	switch {
	case err != nil:
		return err
	case !owned:
		return foreign(live, ws, owned)
	case live.State != Stopped:
		return errors.New("it would have to be removed, and still runs")
	}
	if err := requireLayer(live); err != nil {
		return err
	}
	if err := engine.RemoveContainer(ctx, live.ID); err != nil && !errors.Is(err, kind.ErrGone) {
		return fmt.Errorf("remove the container that has the name now: %w", err)
	}
	return nil
}

// requireLayer returns an error for a container that must not go, as nobody has
// what is in its writable layer.
func requireLayer(live *description) error {
	if live.layer != "" {
		return nil
	}
	return errors.New("it would be removed, and its writable layer cannot be captured before: copy out what you need of it, and remove it yourself")
}

// foreign returns an error for a container of somebody else.
func foreign(live *description, ws *kind.Workspace, owned bool) error {
	if owned {
		return nil
	}
	owner := "somebody else"
	if dir := live.Labels()[docker.LabelWorkingDir]; dir != "" {
		owner = "the Compose project in " + dir
	}
	return fmt.Errorf("a container with this name belongs to %s, not to %s: rename or remove it", owner, ws.Root)
}
