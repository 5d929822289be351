// Package container is the driver for containers: their configuration, their
// writable layers, and whether they run. Volumes, networks and images that
// they use are items of their own.
package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"dogear/internal/docker"
	"dogear/internal/tree"
	"dogear/kind"
)

// Kind is the kind of the driver's items.
const Kind = "container"

// Driver finds, captures and restores containers.
type Driver struct {
	kind.Placer
	engines *docker.Connector

	mu   sync.Mutex
	held map[string]held // guarded by mu: what Freeze and Stop have taken hold of, by name
}

var (
	_ kind.Driver        = (*Driver)(nil)
	_ kind.Prover        = (*Driver)(nil)
	_ kind.Previewer     = (*Driver)(nil)
	_ kind.Remover       = (*Driver)(nil)
	_ kind.Freezer       = (*Driver)(nil)
	_ kind.Watchful      = (*Driver)(nil)
	_ kind.Neighbourly   = (*Driver)(nil)
	_ kind.Stopper       = (*Driver)(nil)
	_ kind.SelfStarter   = (*Driver)(nil)
	_ kind.HealthChecker = (*Driver)(nil)
	_ kind.Prober        = (*Driver)(nil)
	_ kind.Shifter       = (*Driver)(nil)
)

// New returns a driver that works on the given engine.
func New(engines *docker.Connector) *Driver {
	return &Driver{Placer: engines, engines: engines, held: make(map[string]held)}
}

// Close ends the connection to the engine, which the drivers of what
// containers use share, and removes the courier.
func (d *Driver) Close() error { return d.engines.Close() }

// Kind returns "container".
func (d *Driver) Kind() string { return Kind }

// Find lists the containers of the workspace, and none where no engine answers.
func (d *Driver) Find(ctx context.Context, ws *kind.Workspace, found []kind.Item) ([]kind.Item, error) {
	engine, err := d.engines.Engine(ctx)
	if errors.Is(err, docker.ErrNoEngine) || errors.Is(err, docker.ErrDenied) {
		return nil, nil // whether it is needed is not known here: see Examine
	}
	if err != nil {
		return nil, err
	}
	members, err := engine.Members(ctx, ws)
	if err != nil {
		return nil, err
	}
	items := make([]kind.Item, 0, len(members))
	for _, c := range members {
		needs, err := needsOf(ctx, engine, c, members)
		if err != nil {
			return nil, err
		}
		needs = append(needs, bindNeeds(c, found)...)
		slices.SortFunc(needs, kind.ID.Compare)
		items = append(items, kind.Item{ID: kind.ID{Kind: Kind, Name: c.Name}, Needs: slices.Compact(needs)})
	}
	return items, nil
}

// Inspect returns the configuration, the state and the writable layer of a
// container as facts.
func (d *Driver) Inspect(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	engine, live, err := d.look(ctx, item.ID)
	if err != nil {
		return kind.FailedFacts(err)
	}
	settings := append(live.settings(ws), live.stateFact())
	if live.layer == "" {
		return kind.Merge(inspectHanded(ctx, ws, item, engine, live), kind.Stream(settings))
	}
	layer, err := engine.Tree(ctx, live.layer)
	if err != nil {
		return kind.FailedFacts(fmt.Errorf("reach the writable layer: %w", err))
	}
	entries := layer.Entries(ctx, layerOptions(ws, item.ID))
	return kind.Merge(layerFacts(entries, ws, item.Claimed), kind.Stream(settings))
}

// InspectRest returns every byte of the live writable layer.
func (d *Driver) InspectRest(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	engine, live, err := d.look(ctx, item.ID)
	if err != nil {
		return kind.FailedFacts(err)
	}
	if live.layer == "" {
		return inspectHanded(ctx, &kind.Workspace{}, kind.Item{}, engine, live)
	}
	layer, err := engine.Tree(ctx, live.layer)
	if err != nil {
		return kind.FailedFacts(fmt.Errorf("reach the writable layer: %w", err))
	}
	return tree.Facts(layer.Entries(ctx, layerOptions(ws, item.ID)), "/", nil)
}

// Rest returns every byte of a captured writable layer.
func (d *Driver) Rest(ctx context.Context, part kind.Part, source kind.Source) kind.Facts {
	manifest, ok := part.Object(layerObject)
	if !ok {
		return restHanded(ctx, part, source)
	}
	return tree.Facts(tree.ReadManifest(ctx, source, manifest), "/", nil)
}

// IsAtRest reports whether nothing of the writable layer differs.
func (d *Driver) IsAtRest(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (bool, error) {
	manifest, ok := part.Object(layerObject)
	if !ok {
		return false, nil
	}
	engine, live, err := d.look(ctx, part.ID)
	if err != nil || live.layer == "" {
		return false, err
	}
	layer, err := engine.Tree(ctx, live.layer)
	if err != nil {
		return false, fmt.Errorf("reach the writable layer: %w", err)
	}
	changes, err := layer.Compare(ctx, layerOptions(ws, part.ID), manifest, source)
	return changes.Identical() && err == nil, err
}

// Remove removes a container. Its volumes are items of their own and stay.
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

// look describes the live container. With kind.ErrGone it returns the engine
// all the same.
func (d *Driver) look(ctx context.Context, id kind.ID) (*docker.Engine, *description, error) {
	engine, err := d.engines.Engine(ctx)
	if err != nil {
		return nil, nil, err
	}
	live, err := engine.Container(ctx, id.Name)
	if err != nil {
		return engine, nil, err
	}
	if live.Name != id.Name {
		return engine, nil, kind.ErrGone // the engine also takes the beginning of an id for a name
	}
	described, err := describe(ctx, engine, live)
	return engine, described, err
}

func layerOptions(ws *kind.Workspace, id kind.ID) tree.Options {
	return tree.Options{Index: tree.CacheIndex(ws.Cache, id), Shared: ws.Shared, Kept: ws.Kept, Traffic: ws.Traffic}
}
