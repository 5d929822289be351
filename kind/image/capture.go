package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/kind"
)

// capture is one capture of one image.
type capture struct {
	driver  *Driver
	engine  *docker.Engine
	ws      *kind.Workspace
	item    kind.Item
	sink    kind.Sink
	image   settings
	archive *kind.Object // nil until it is stored
	held    kind.Interval
	read    int64
}

var (
	_ kind.Capture  = (*capture)(nil)
	_ kind.Preparer = (*capture)(nil)
)

// Open begins a capture.
func (d *Driver) Open(ctx context.Context, ws *kind.Workspace, item kind.Item, sink kind.Sink) (kind.Capture, error) {
	from := d.now()
	engine, live, err := d.look(ctx, item.ID)
	if err != nil {
		return nil, err
	}
	return &capture{driver: d, engine: engine, ws: ws, item: item, sink: sink, image: describe(engine, live), held: kind.Interval{From: from}}, nil
}

func describe(engine *docker.Engine, live *docker.Image) settings {
	return settings{ID: live.ID, Platform: live.Platform, Engine: engine.Platform()}
}

// Prepare stores the image: whatever happens, it stays what it is.
func (c *capture) Prepare(ctx context.Context) error { return c.store(ctx) }

// Take fixes which image the reference means.
func (c *capture) Take(ctx context.Context) error {
	engine, live, err := c.driver.look(ctx, c.item.ID)
	if err != nil {
		return err
	}
	if live.ID != c.image.ID {
		c.image, c.archive, c.held.From = describe(engine, live), nil, c.driver.now()
	}
	c.held.To = c.driver.now()
	return nil
}

// Finish stores what Prepare has not.
func (c *capture) Finish(ctx context.Context) (kind.Part, error) {
	if err := c.store(ctx); err != nil {
		return kind.Part{}, err
	}
	said, err := content.PutJSON(ctx, c.sink, settingsObject, c.image)
	return kind.Part{
		ID: c.item.ID, Needs: c.item.Needs, Objects: []kind.Object{said, *c.archive}, Held: c.held, Read: c.read, Facts: facts(c.image.ID),
	}, err
}

// Close ends the capture.
func (c *capture) Close() error { return nil }

// store puts the image in the store. That an image with this id is there
// already is remembered, as its id says all about it; the store is asked
// nevertheless whether it still has it.
func (c *capture) store(ctx context.Context) error {
	if c.archive != nil {
		return nil
	}
	known, err := c.recall(ctx)
	if err != nil || known {
		return err
	}
	stream, err := c.engine.SaveImage(ctx, c.image.ID)
	if err != nil {
		return fmt.Errorf("read it from the engine: %w", err)
	}
	archive, err := content.Put(ctx, c.sink, archiveObject, stream)
	if err := errors.Join(err, stream.Close()); err != nil {
		return err
	}
	c.archive, c.read = &archive, archive.Size
	return c.remember()
}

func (c *capture) recall(ctx context.Context) (bool, error) {
	if c.ws.Cache == nil {
		return false, nil
	}
	var archive kind.Object
	if json.Unmarshal(c.ws.Cache.Load(c.key(), archiveObject), &archive) != nil || len(archive.Chunks) == 0 {
		return false, nil
	}
	known, err := c.sink.Known(ctx, archive.Chunks)
	if err != nil || slices.Contains(known, false) {
		return false, err
	}
	c.archive = &archive
	return true, nil
}

func (c *capture) remember() error {
	if c.ws.Cache == nil {
		return nil
	}
	raw, err := json.Marshal(c.archive)
	if err != nil {
		return err
	}
	return c.ws.Cache.Save(c.key(), archiveObject, raw)
}

func (c *capture) key() kind.ID { return kind.ID{Kind: Kind, Name: c.image.ID} }
