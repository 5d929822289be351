package volume

import (
	"context"
	"fmt"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/internal/tree"
	"dogear/kind"
)

// The objects of a part.
const (
	settingsObject = "settings"
	filesObject    = "files"
)

// capture is one capture of one volume.
type capture struct {
	ws    *kind.Workspace
	item  kind.Item
	sink  kind.Sink
	live  *docker.Volume
	files tree.Capture // nil if it has no content of its own
}

var (
	_ kind.Capture  = (*capture)(nil)
	_ kind.Gauge    = (*capture)(nil)
	_ kind.Foreseer = (*capture)(nil)
)

// Open begins a capture.
func (d *Driver) Open(ctx context.Context, ws *kind.Workspace, item kind.Item, sink kind.Sink) (kind.Capture, error) {
	engine, live, err := d.look(ctx, item.ID)
	if err != nil {
		return nil, err
	}
	c := &capture{ws: ws, item: item, sink: sink, live: live}
	if !hasContent(item, live) {
		return c, nil
	}
	files, err := engine.VolumeTree(ctx, live)
	if err != nil {
		return nil, err
	}
	c.files, err = files.Capture(ctx, treeOptions(ws, item), sink)
	return c, err
}

// Prepare reads the files while they may still be written to.
func (c *capture) Prepare(ctx context.Context) error {
	if c.files == nil {
		return nil
	}
	return c.files.Prepare(ctx)
}

// Read implements kind.Gauge.
func (c *capture) Read() int64 {
	if c.files == nil {
		return 0
	}
	return c.files.Read()
}

// Take fixes the files. The settings cannot change as long as there is a
// container that mounts the volume.
func (c *capture) Take(ctx context.Context) error {
	if c.files == nil {
		return nil
	}
	return c.files.Take(ctx)
}

// Finish stores settings and files.
func (c *capture) Finish(ctx context.Context) (kind.Part, error) {
	stored, err := content.PutJSON(ctx, c.sink, settingsObject, c.live)
	if err != nil {
		return kind.Part{}, err
	}
	part := kind.Part{ID: c.item.ID, Needs: c.item.Needs, Claimed: c.item.Claimed, Objects: []kind.Object{stored}}
	facts := kind.Stream(settings(c.ws, c.live))
	if c.files == nil {
		part.Facts = facts
		if c.live.InMemory() {
			part.Gaps = []kind.Gap{{Part: c.item.ID, What: "content", Why: "it is in memory, and gone when no container mounts the volume"}}
		}
		return part, nil
	}
	result, err := c.files.Finish(ctx)
	if err != nil {
		return kind.Part{}, fmt.Errorf("store the files: %w", err)
	}
	result.Manifest.Name = filesObject
	part.Objects = append(part.Objects, result.Manifest)
	part.Held, part.Read, part.Delta = result.Held, result.BytesRead, result.Delta
	for _, gap := range result.Gaps {
		gap.Part = c.item.ID
		part.Gaps = append(part.Gaps, gap)
	}
	part.Facts = kind.Merge(tree.Facts(result.Entries, "/", spokenFor(c.ws, c.item)), facts)
	return part, nil
}

// Foresee implements kind.Foreseer.
func (c *capture) Foresee(ctx context.Context) (kind.Part, bool, error) {
	if c.files == nil || !tree.Foresees(c.files) {
		return kind.Part{}, false, nil
	}
	part, err := c.Finish(ctx)
	return part, true, err
}

// CameTrue implements kind.Foreseer.
func (c *capture) CameTrue() (kind.Interval, bool) { return tree.CameTrue(c.files) }

// Close ends the capture.
func (c *capture) Close() error {
	if c.files == nil {
		return nil
	}
	return c.files.Close()
}
