package container

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/internal/tree"
	"dogear/kind"
)

// capture is one capture of one container.
type capture struct {
	engine *docker.Engine
	ws     *kind.Workspace
	item   kind.Item
	sink   kind.Sink
	opened *description // before anything was frozen or stopped: what it was doing
	taken  *description // at the instant: how it was set up
	layer  tree.Capture // nil if there is no layer that can be read
	handed *reduced     // nil if there is one
}

var (
	_ kind.Capture = (*capture)(nil)
	_ kind.Gauge   = (*capture)(nil)
)

// Open begins a capture.
func (d *Driver) Open(ctx context.Context, ws *kind.Workspace, item kind.Item, sink kind.Sink) (kind.Capture, error) {
	engine, live, err := d.look(ctx, item.ID)
	if err != nil {
		return nil, err
	}
	c := &capture{engine: engine, ws: ws, item: item, sink: sink, opened: live}
	if live.layer == "" {
		c.handed = &reduced{engine: engine}
		return c, nil
	}
	layer, err := engine.Tree(ctx, live.layer)
	if err != nil {
		return nil, fmt.Errorf("reach the writable layer: %w", err)
	}
	if c.layer, err = layer.Capture(ctx, layerOptions(ws, item.ID), sink); err != nil {
		return nil, fmt.Errorf("open the writable layer: %w", err)
	}
	return c, nil
}

// Prepare reads the layer while the container may still write to it.
func (c *capture) Prepare(ctx context.Context) error {
	if c.layer == nil {
		return nil
	}
	return c.layer.Prepare(ctx)
}

// Read implements kind.Gauge.
func (c *capture) Read() int64 {
	if c.layer == nil {
		return 0
	}
	return c.layer.Read()
}

// Take fixes configuration and layer.
func (c *capture) Take(ctx context.Context) error {
	live, err := c.engine.Container(ctx, c.opened.ID)
	if err != nil {
		return err
	}
	if c.taken, err = describe(ctx, c.engine, live); err != nil {
		return err
	}
	c.taken.State, c.taken.Healthy, c.taken.Failing, c.taken.Ports = c.opened.State, c.opened.Healthy, c.opened.Failing, c.opened.Ports
	if c.layer == nil {
		return c.handed.take(ctx, live)
	}
	return c.layer.Take(ctx)
}

// Finish stores the description and the layer.
func (c *capture) Finish(ctx context.Context) (kind.Part, error) {
	description, err := c.taken.put(ctx, c.sink)
	if err != nil {
		return kind.Part{}, err
	}
	part := kind.Part{
		ID: c.item.ID, Needs: c.item.Needs, Objects: []kind.Object{description}, Gaps: c.gaps(),
	}
	unknown, err := c.unknownVolumes(ctx)
	if err != nil {
		return kind.Part{}, err
	}
	part.Gaps = append(part.Gaps, unknown...)
	log, gaps, err := c.storeLog(ctx)
	if err != nil {
		return kind.Part{}, err
	}
	part.Gaps = append(part.Gaps, gaps...)
	if log != nil {
		part.Objects = append(part.Objects, *log)
	}
	settings := kind.Stream(append(c.taken.settings(c.ws), c.taken.stateFact()))
	if c.layer == nil {
		part.Claimed = c.item.Claimed
		handed, err := c.handed.finish(ctx, c.ws, &part, c.sink)
		part.Facts = kind.Merge(handed, settings)
		return part, err
	}
	result, err := c.layer.Finish(ctx)
	if err != nil {
		return kind.Part{}, fmt.Errorf("store the writable layer: %w", err)
	}
	result.Manifest.Name = layerObject
	part.Objects = append(part.Objects, result.Manifest)
	part.Held, part.Read, part.Delta = result.Held, result.BytesRead, result.Delta
	part.Gaps = append(part.Gaps, ownGaps(result.Gaps, c.item.ID)...)
	part.Facts = kind.Merge(layerFacts(result.Entries, c.ws, c.item.Claimed), settings)
	return part, nil
}

// Close ends the capture.
func (c *capture) Close() error {
	if c.layer == nil {
		return c.handed.close()
	}
	return c.layer.Close()
}

func ownGaps(gaps []kind.Gap, id kind.ID) []kind.Gap {
	for i := range gaps {
		gaps[i].Part = id
	}
	return gaps
}

// gaps lists what a container has beside its configuration and its layer.
func (c *capture) gaps() []kind.Gap {
	var gaps []kind.Gap
	if c.taken.State != Stopped {
		what := strings.Join(append([]string{"memory of its processes", "/dev/shm"}, c.temporary()...), ", ")
		gaps = append(gaps, kind.Gap{What: what, Why: "it exists only while the container runs"})
	}
	for _, m := range c.taken.Mounts {
		if m.Type == "bind" && (!c.engine.Local() || !liesIn(m.Source, c.ws.Root)) {
			gaps = append(gaps, kind.Gap{What: "bind mount " + m.Source, Why: "it is outside the workspace"})
		}
	}
	return ownGaps(gaps, c.item.ID)
}

// unknownVolumes lists the volumes that it mounts and the engine does not know,
// so that they are no items: those of a plugin that was not there when the
// engine started, say.
func (c *capture) unknownVolumes(ctx context.Context) ([]kind.Gap, error) {
	var gaps []kind.Gap
	for _, m := range c.taken.Mounts {
		if m.Type != "volume" {
			continue
		}
		_, err := c.engine.Volume(ctx, m.Name)
		if errors.Is(err, kind.ErrGone) {
			gaps = append(gaps, kind.Gap{What: "volume " + m.Name, Why: "the engine does not know it; its driver is " + m.Driver})
		} else if err != nil {
			return nil, fmt.Errorf("look at volume %s: %w", m.Name, err)
		}
	}
	return ownGaps(gaps, c.item.ID), nil
}

// temporary lists the in-memory mounts.
func (c *capture) temporary() []string {
	var paths []string
	var tmpfs map[string]string
	c.taken.HostConfig.Decode("Tmpfs", &tmpfs)
	for path := range tmpfs {
		paths = append(paths, "tmpfs "+path)
	}
	for _, m := range c.taken.Mounts {
		if m.Type == "tmpfs" {
			paths = append(paths, "tmpfs "+m.Destination)
		}
	}
	slices.Sort(paths)
	return paths
}

func liesIn(path, root string) bool {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	return path == root || strings.HasPrefix(path, root+"/")
}
