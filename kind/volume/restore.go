package volume

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/internal/tree"
	"dogear/kind"
)

// Restore makes the content of a volume what it was. One that is missing is
// created, and filled before any container mounts it: the engine would fill
// an empty one from the image.
func (d *Driver) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	want, err := captured(ctx, part, source)
	if err != nil {
		return err
	}
	engine, live, err := d.look(ctx, part.ID)
	if errors.Is(err, kind.ErrGone) {
		live, err = create(ctx, engine, part, want)
	}
	if err != nil {
		return err
	}
	if differing := difference(ws, live, want); differing != "" {
		return errors.New(conflict(differing))
	}
	manifest, ok := part.Object(filesObject)
	if !ok {
		return nil // it has none of its own, or the snapshot says that it was not captured
	}
	files, err := engine.VolumeTree(ctx, live)
	if err != nil {
		return err
	}
	return apply(ctx, engine, part, files, partOptions(ws, part), manifest, source)
}

// isWhole reports whether all the content that a volume had of its own is in
// the part.
func isWhole(part kind.Part, want *docker.Volume) bool {
	_, ok := part.Object(filesObject)
	return ok || !hasContent(part.Item(), want)
}

func create(ctx context.Context, engine *docker.Engine, part kind.Part, want *docker.Volume) (*docker.Volume, error) {
	if !isWhole(part, want) {
		return nil, errors.New(contentMissing)
	}
	live, err := engine.CreateVolume(ctx, *want)
	if err != nil {
		return nil, fmt.Errorf("create it: %w", err)
	}
	return live, nil
}

// apply corrects the files, unless somebody would see them change: a
// container of another project may mount the volume too.
func apply(ctx context.Context, engine *docker.Engine, part kind.Part, files tree.Tree, opts tree.Options, manifest kind.Object, source kind.Source) error {
	users, err := engine.RunningWith(ctx, part.ID.Name)
	if err != nil {
		return err
	}
	if len(users) == 0 {
		_, err := files.Apply(ctx, opts, manifest, source)
		return err
	}
	changes, err := files.Compare(ctx, opts, manifest, source)
	if err != nil {
		return err
	}
	if !changes.None() {
		return fmt.Errorf("it differs, and cannot be corrected while these containers run with it: %s", strings.Join(users, ", "))
	}
	return nil
}

func captured(ctx context.Context, part kind.Part, source kind.Source) (*docker.Volume, error) {
	object, ok := part.Object(settingsObject)
	if !ok {
		return nil, errors.New("the part has no settings of the volume")
	}
	var v docker.Volume
	return &v, content.GetJSON(ctx, source, object, &v)
}

// difference names the first setting that differs, or returns "".
func difference(ws *kind.Workspace, live, want *docker.Volume) string {
	have := settings(ws, live)
	for _, f := range settings(ws, want) {
		i := slices.IndexFunc(have, func(h kind.Fact) bool { return h.Name == f.Name })
		if i < 0 || have[i].Value != f.Value {
			return f.Name
		}
		have = slices.Delete(have, i, i+1)
	}
	if len(have) > 0 {
		return have[0].Name
	}
	return ""
}

func conflict(differing string) string {
	return "it was created with another " + differing +
		", which only removing it would change: remove the containers that mount it, and the volume"
}

// Preview says what Restore would do.
func (d *Driver) Preview(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (kind.Change, error) {
	want, err := captured(ctx, part, source)
	if err != nil {
		return kind.Change{}, err
	}
	manifest, hasFiles := part.Object(filesObject)
	engine, live, err := d.look(ctx, part.ID)
	if errors.Is(err, kind.ErrGone) {
		change := previewCreation(ctx, want, part, source)
		there, err := engine.HasVolumeDriver(ctx, want.Driver)
		if err == nil && !there {
			change.Conflicts = append(change.Conflicts, "its volume plugin "+want.Driver+" is not there: install or start it")
		}
		return change, err
	}
	if err != nil {
		return kind.Change{}, err
	}
	if differing := difference(ws, live, want); differing != "" {
		return kind.Change{Action: kind.ActionReplace, Conflicts: []string{conflict(differing)}}, nil
	}
	if !hasFiles {
		return kind.Change{Action: kind.ActionNone}, nil
	}
	files, err := engine.VolumeTree(ctx, live)
	if err != nil {
		return kind.Change{}, err
	}
	changes, err := files.Compare(ctx, partOptions(ws, part), manifest, source)
	if err != nil || changes.None() {
		return kind.Change{Action: kind.ActionNone}, err
	}
	inTheWay, err := strangers(ctx, engine, ws, live.Name)
	return kind.Change{
		Action: kind.ActionPatch, Details: changes.Details, Bytes: changes.Bytes, Grows: changes.Grows(), Chunks: changes.Chunks, Pieces: changes.Pieces, Fresh: changes.Fresh(),
		Conflicts: append(changes.Conflicts, inTheWay...),
	}, err
}

// strangers names the containers that keep a volume from being changed and
// are not the workspace's to stop.
func strangers(ctx context.Context, engine *docker.Engine, ws *kind.Workspace, volume string) ([]string, error) {
	others, err := engine.OthersRunningWith(ctx, ws, volume)
	var conflicts []string
	for _, name := range others {
		conflicts = append(conflicts, "it differs, and container "+name+", which is not of this workspace, runs with it: stop it")
	}
	return conflicts, err
}

const contentMissing = "it is gone, and its content was not captured: create it and its content first"

// previewCreation needs every chunk that the part has.
func previewCreation(ctx context.Context, want *docker.Volume, part kind.Part, source kind.Source) kind.Change {
	change := kind.Change{Action: kind.ActionCreate}
	if !isWhole(part, want) {
		change.Conflicts = []string{contentMissing}
		return change
	}
	manifest, ok := part.Object(filesObject)
	if !ok {
		return change
	}
	files, err := tree.Creation(ctx, source, manifest)
	if err != nil {
		change.Conflicts = append(change.Conflicts, err.Error())
	}
	change.Bytes, change.Grows, change.Chunks = files.Bytes, files.Grows(), files.Chunks
	return change
}
