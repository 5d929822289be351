package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/internal/tree"
	"dogear/kind"
)

// Preview says what Restore would do, and what stands in its way.
func (d *Driver) Preview(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (kind.Change, error) {
	want, err := captured(ctx, part, source)
	if err != nil {
		return kind.Change{}, err
	}
	engine, live, err := d.look(ctx, part.ID)
	if err != nil && !errors.Is(err, kind.ErrGone) {
		return kind.Change{}, err
	}
	var change kind.Change
	switch {
	case err != nil:
		live = nil
		if change, err = previewMaking(ctx, part, source); err != nil {
			return kind.Change{}, err
		}
		change.Action, change.Conflicts = kind.ActionCreate, missing(engine, ws, want)
	case !live.sameConfiguration(want, ws):
		if change, err = d.previewRemaking(ctx, ws, engine, live, part, source); err != nil {
			return kind.Change{}, err
		}
		change.Details, change.Conflicts = differences(live, want, ws), slices.Concat(missing(engine, ws, want), notOurs(live, ws))
		if err := requireLayer(live); err != nil {
			change.Conflicts = append(change.Conflicts, err.Error())
		}
	default:
		if change, err = d.previewLayer(ctx, ws, engine, live, part, source); err != nil {
			return kind.Change{}, err
		}
		change.Conflicts = append(change.Conflicts, notOurs(live, ws)...)
		if change.Action == kind.ActionNone && hasToStop(live, want) {
			change.Action, change.Details = kind.ActionPatch, []string{"it is " + string(live.State) + " and was " + string(want.State)}
		}
	}
	if change.Action != kind.ActionNone {
		change.Conflicts = append(change.Conflicts, engine.Users().Conflicts(want.Users)...)
	}
	change.Runs, change.WillRun = live != nil && live.State != Stopped, want.State != Stopped
	taken, err := takenPorts(ctx, engine, ws, live, want)
	change.Conflicts = append(change.Conflicts, taken...)
	return change, err
}

// hasToStop reports whether a container is in a state that only a stop leads
// out of. One that is stopped may have been stopped by us.
func hasToStop(live, want *description) bool {
	return live.State != Stopped && live.State != want.State
}

func (d *Driver) previewLayer(ctx context.Context, ws *kind.Workspace, engine *docker.Engine, live *description, part kind.Part, source kind.Source) (kind.Change, error) {
	manifest, ok := part.Object(layerObject)
	if !ok {
		return previewHanded(ctx, ws, engine, live, part, source)
	}
	if live.layer == "" {
		return kind.Change{Action: kind.ActionPatch, Conflicts: []string{noLayer}}, nil
	}
	layer, err := engine.Tree(ctx, live.layer)
	if err != nil {
		return kind.Change{}, fmt.Errorf("reach the writable layer: %w", err)
	}
	changes, err := layer.Compare(ctx, layerOptions(ws, part.ID), manifest, source)
	if err != nil {
		return kind.Change{}, fmt.Errorf("compare the writable layer: %w", err)
	}
	if changes.None() {
		return kind.Change{Action: kind.ActionNone}, nil
	}
	return kind.Change{
		Action: kind.ActionPatch, Details: changes.Details, Bytes: changes.Bytes, Grows: changes.Grows(), Chunks: changes.Chunks, Pieces: changes.Pieces, Fresh: changes.Fresh(), Conflicts: changes.Conflicts,
	}, nil
}

// previewMaking needs all that the part has, of the writable layer every file.
func previewMaking(ctx context.Context, part kind.Part, source kind.Source) (kind.Change, error) {
	change := kind.Change{Chunks: objectChunks(part)}
	manifest, ok := part.Object(layerObject)
	if !ok {
		return change, nil
	}
	layer, err := tree.Creation(ctx, source, manifest)
	if err != nil {
		return kind.Change{}, fmt.Errorf("writable layer: %w", err)
	}
	change.Bytes, change.Grows, change.Chunks = layer.Bytes, layer.Grows(), append(change.Chunks, layer.Chunks...)
	return change, nil
}

// previewRemaking is that for a container which makes room by going.
func (d *Driver) previewRemaking(ctx context.Context, ws *kind.Workspace, engine *docker.Engine, live *description, part kind.Part, source kind.Source) (kind.Change, error) {
	change, err := previewMaking(ctx, part, source)
	if err != nil {
		return kind.Change{}, err
	}
	patch, err := d.previewLayer(ctx, ws, engine, live, part, source)
	change.Action, change.Grows = kind.ActionRecreate, patch.Grows
	return change, err
}

func objectChunks(part kind.Part) []kind.ChunkID {
	var chunks []kind.ChunkID
	for _, o := range part.Objects {
		if o.Name != logObject {
			chunks = append(chunks, o.Chunks...)
		}
	}
	return chunks
}

// differences names the settings that differ, not their values.
func differences(live, want *description, ws *kind.Workspace) []string {
	values := make(map[string]string)
	for _, f := range live.configuration(ws) {
		values[f.Name] = f.Value
	}
	var names []string
	for _, f := range want.configuration(ws) {
		if have, ok := values[f.Name]; !ok || have != f.Value {
			names = append(names, f.Name+" differs")
		}
		delete(values, f.Name)
	}
	for name := range values {
		names = append(names, name+" is new")
	}
	slices.Sort(names)
	return names
}

// missing names what is mounted and not there. What is in the workspace comes
// back before it.
func missing(engine *docker.Engine, ws *kind.Workspace, want *description) []string {
	var conflicts []string
	for _, source := range missingSources(engine, want) {
		if liesIn(source, ws.Root) {
			continue
		}
		conflicts = append(conflicts, "the directory "+source+" that it mounts is missing: create it")
	}
	return conflicts
}

func notOurs(live *description, ws *kind.Workspace) []string {
	owned, err := live.IsMember(ws)
	if err != nil {
		return []string{err.Error()}
	}
	if err := foreign(live, ws, owned); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// takenPorts names who holds a port of the host that the container needs. What
// a member of the workspace holds will be free by then.
func takenPorts(ctx context.Context, engine *docker.Engine, ws *kind.Workspace, live, want *description) ([]string, error) {
	if want.State == Stopped || live != nil && live.State != Stopped {
		return nil, nil
	}
	holders, err := engine.PortHolders(ctx, ws)
	if err != nil {
		return nil, err
	}
	var published map[string][]docker.Binding
	want.HostConfig.Decode("PortBindings", &published)
	var conflicts []string
	for port, bindings := range published {
		_, protocol, _ := strings.Cut(port, "/")
		for _, b := range bindings {
			if !holders.HasAddress(b) {
				conflicts = append(conflicts, fmt.Sprintf("this host has no address %s, at which it publishes port %s: add the address", b.HostIP, port))
				continue
			}
			if holder := holders.Holder(protocol, b); holder != "" {
				conflicts = append(conflicts, fmt.Sprintf("port %s of this host is taken by %s: stop it", address(b), holder))
			}
		}
	}
	slices.Sort(conflicts)
	return conflicts, nil
}
