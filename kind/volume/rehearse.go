package volume

import (
	"context"
	"maps"
	"strings"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/kind"
)

var _ kind.Rehearser = (*Driver)(nil)

// Rehearse makes of a volume a plain one with the same content. What another
// name of a directory in the workspace is, is another name of its copy.
func (*Driver) Rehearse(ctx context.Context, part kind.Part, source kind.Source, sink kind.Sink, stage kind.Rehearsal) (kind.Relocated, error) {
	v, err := captured(ctx, part, source)
	if err != nil {
		return kind.Relocated{}, err
	}
	moved := kind.Relocated{}
	options, gap := rehearsed(v, stage)
	if gap != "" {
		moved.Gaps = []kind.Gap{{What: "driver options", Why: gap}}
	}
	part.ID.Name = stage.Name(part.ID.Name)
	v.Name, v.Driver, v.Options = part.ID.Name, "local", options
	v.Labels = docker.RehearsalLabels(v.Labels, stage)
	stored, err := content.PutJSON(ctx, sink, settingsObject, v)
	if err != nil {
		return kind.Relocated{}, err
	}
	objects := []kind.Object{stored}
	if files, ok := part.Object(filesObject); ok {
		objects = append(objects, files)
	}
	part.Objects = objects
	moved.Part = part
	moved.Excuses = func(fact string) bool {
		return fact == "driver" || strings.HasPrefix(fact, "option ") || fact == "label "+kind.LabelRehearsal
	}
	return moved, nil
}

// rehearsed returns the driver options that a volume has in a rehearsal, and
// what is to be said about that.
func rehearsed(v *docker.Volume, stage kind.Rehearsal) (map[string]string, string) {
	if len(v.Options) == 0 && v.Driver == "local" || v.InMemory() {
		return v.Options, ""
	}
	if dir, ok := stage.Path(v.Directory()); ok {
		options := maps.Clone(v.Options)
		options["device"] = dir
		return options, ""
	}
	return nil, "it is rehearsed as a plain volume with what was captured of it"
}

// Dismantle removes the volumes of a rehearsal.
func (d *Driver) Dismantle(ctx context.Context, mark string) error {
	return d.engines.Dismantle(ctx, mark, (*docker.Engine).DismantleVolumes)
}
