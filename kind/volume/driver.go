// Package volume is the driver for volumes: their settings, and the files in
// them as far as no database speaks for those.
package volume

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dogear/internal/docker"
	"dogear/internal/tree"
	"dogear/kind"
)

// Kind is the kind of the driver's items.
const Kind = "volume"

// Driver finds, captures and restores volumes.
type Driver struct {
	kind.Placer
	engines *docker.Connector
}

var (
	_ kind.Driver    = (*Driver)(nil)
	_ kind.Prover    = (*Driver)(nil)
	_ kind.Previewer = (*Driver)(nil)
	_ kind.Follower  = (*Driver)(nil)
)

// New returns a driver that works on the given engine.
func New(engines *docker.Connector) *Driver { return &Driver{Placer: engines, engines: engines} }

// Kind returns "volume".
func (d *Driver) Kind() string { return Kind }

// Find lists the volumes that the containers found before mount. One that is
// another name of a directory in the workspace needs the item that has it.
func (d *Driver) Find(ctx context.Context, _ *kind.Workspace, found []kind.Item) ([]kind.Item, error) {
	items := docker.Needed(found, Kind)
	needs := make(map[kind.ID][]kind.ID)
	items, err := docker.Present(items, func(id kind.ID) error {
		_, live, err := d.look(ctx, id)
		if err != nil || live.Directory() == "" {
			return err
		}
		if owner, ok := docker.OwnerOf(live.Directory(), found); ok {
			needs[id] = []kind.ID{owner}
		}
		return nil
	})
	for i := range items {
		items[i].Needs = needs[items[i].ID]
	}
	return items, err
}

// Inspect returns the settings of a volume, and what is in it.
func (d *Driver) Inspect(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	engine, live, err := d.look(ctx, item.ID)
	if err != nil {
		return kind.FailedFacts(err)
	}
	if !hasContent(item, live) {
		return kind.Stream(settings(ws, live))
	}
	files, err := engine.VolumeTree(ctx, live)
	if err != nil {
		return kind.FailedFacts(err)
	}
	entries := files.Entries(ctx, treeOptions(ws, item))
	return kind.Merge(tree.Facts(entries, "/", spokenFor(ws, item)), kind.Stream(settings(ws, live)))
}

// InspectRest returns every byte of the live volume.
func (d *Driver) InspectRest(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	engine, live, err := d.look(ctx, item.ID)
	if err != nil {
		return kind.FailedFacts(err)
	}
	if !hasContent(item, live) {
		return kind.Stream(nil)
	}
	files, err := engine.VolumeTree(ctx, live)
	if err != nil {
		return kind.FailedFacts(err)
	}
	return tree.Facts(files.Entries(ctx, treeOptions(ws, item)), "/", nil)
}

// Rest returns every byte of a captured volume.
func (d *Driver) Rest(ctx context.Context, part kind.Part, source kind.Source) kind.Facts {
	manifest, ok := part.Object(filesObject)
	if !ok {
		return kind.Stream(nil)
	}
	return tree.Facts(tree.ReadManifest(ctx, source, manifest), "/", nil)
}

// IsAtRest reports whether nothing differs.
func (d *Driver) IsAtRest(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (bool, error) {
	manifest, ok := part.Object(filesObject)
	if !ok {
		return false, nil
	}
	engine, live, err := d.look(ctx, part.ID)
	if err != nil || !hasContent(part.Item(), live) {
		return false, err
	}
	files, err := engine.VolumeTree(ctx, live)
	if err != nil {
		return false, err
	}
	changes, err := files.Compare(ctx, treeOptions(ws, part.Item()), manifest, source)
	return changes.Identical() && err == nil, err
}

// Remove removes a volume with its content, unless a container refers to it.
func (d *Driver) Remove(ctx context.Context, _ *kind.Workspace, item kind.Item) error {
	engine, live, err := d.look(ctx, item.ID)
	if errors.Is(err, kind.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := engine.RemoveVolume(ctx, live.Name); err != nil && !errors.Is(err, kind.ErrGone) {
		return fmt.Errorf("remove it: %w", err)
	}
	return nil
}

// RemoveNamed removes a volume that nothing may use, if it is there.
func (d *Driver) RemoveNamed(ctx context.Context, ws *kind.Workspace, id kind.ID) error {
	return d.Remove(ctx, ws, kind.Item{ID: id})
}

func (d *Driver) look(ctx context.Context, id kind.ID) (*docker.Engine, *docker.Volume, error) {
	engine, err := d.engines.Engine(ctx)
	if err != nil {
		return nil, nil, err
	}
	live, err := engine.Volume(ctx, id.Name)
	return engine, live, err
}

// hasContent reports whether a volume has content that is its own and outlives
// those who mount it. What lies in the workspace is captured there.
func hasContent(item kind.Item, v *docker.Volume) bool { return len(item.Needs) == 0 && !v.InMemory() }

// settings returns what was set when the volume was created. Options may hold
// a password (of a network share).
func settings(ws *kind.Workspace, v *docker.Volume) []kind.Fact {
	facts := []kind.Fact{{Name: "driver", Value: v.Driver}}
	for k, value := range v.Labels {
		facts = append(facts, kind.Fact{Name: "label " + k, Value: value})
	}
	for k, value := range v.Options {
		facts = append(facts, kind.Fact{Name: "option " + k, Value: ws.Redact(value)})
	}
	return facts
}

// spokenFor returns the paths that are not the volume's own state.
func spokenFor(ws *kind.Workspace, item kind.Item) []kind.Pattern {
	return slices.Concat(item.Claimed, docker.VolumeVolatile(ws))
}

func treeOptions(ws *kind.Workspace, item kind.Item) tree.Options {
	return tree.Options{InPlace: item.Claimed, Index: tree.CacheIndex(ws.Cache, item.ID), Shared: ws.Shared, Kept: ws.Kept, Traffic: ws.Traffic}
}
