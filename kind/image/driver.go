// Package image is the driver for the images that containers were created
// from. An image is never removed and never changes; what can change is which
// image a reference means, and whether it is there.
package image

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/kind"
)

// Kind is the kind of the driver's items.
const Kind = "image"

// The objects of a part.
const (
	settingsObject = "settings"
	archiveObject  = "archive"
)

// Driver finds, captures and restores images.
type Driver struct {
	kind.Placer
	engines *docker.Connector
	now     func() time.Time
}

var (
	_ kind.Driver    = (*Driver)(nil)
	_ kind.Previewer = (*Driver)(nil)
)

// New returns a driver that works on the given engine.
func New(engines *docker.Connector) *Driver {
	return &Driver{Placer: engines, engines: engines, now: time.Now}
}

// Kind returns "image".
func (d *Driver) Kind() string { return Kind }

// Find lists the images of the containers found before.
func (d *Driver) Find(ctx context.Context, _ *kind.Workspace, found []kind.Item) ([]kind.Item, error) {
	return docker.Present(docker.Needed(found, Kind), func(id kind.ID) error {
		_, _, err := d.look(ctx, id)
		return err
	})
}

// Inspect returns the id of an image: a digest of all that it is.
func (d *Driver) Inspect(ctx context.Context, _ *kind.Workspace, item kind.Item) kind.Facts {
	_, live, err := d.look(ctx, item.ID)
	if err != nil {
		return kind.FailedFacts(err)
	}
	return facts(live.ID)
}

func facts(id string) kind.Facts { return kind.Stream([]kind.Fact{{Name: "id", Value: id}}) }

func (d *Driver) look(ctx context.Context, id kind.ID) (*docker.Engine, *docker.Image, error) {
	engine, err := d.engines.Engine(ctx)
	if err != nil {
		return nil, nil, err
	}
	live, err := engine.Image(ctx, id.Name)
	return engine, live, err
}

// settings are what a part says about its image.
type settings struct {
	ID string `json:"id"`
	// Platform is what it is for, and Engine that of the engine that had it.
	Platform string `json:"platform,omitempty"`
	Engine   string `json:"engine,omitempty"`
}

// foreign says why what the image is for does not run on an engine, or is empty.
// Where it was captured it did, whatever that takes.
func (s settings) foreign(engine *docker.Engine) []string {
	if s.Platform == "" || s.Engine == engine.Platform() || engine.Runs(s.Platform) {
		return nil
	}
	return []string{fmt.Sprintf("it is for %s, and this engine runs on %s: restore on a machine of that kind, "+
		"or leave out the containers that were made from it (--except)", s.Platform, engine.Platform())}
}

// Restore loads an image that is not there, and makes its reference mean it.
func (d *Driver) Restore(ctx context.Context, _ *kind.Workspace, part kind.Part, source kind.Source) error {
	want, err := captured(ctx, part, source)
	if err != nil {
		return err
	}
	engine, live, err := d.look(ctx, part.ID)
	if err == nil && live.ID == want.ID {
		return nil
	}
	if err != nil && !errors.Is(err, kind.ErrGone) {
		return err
	}
	if err := load(ctx, engine, want.ID, part, source); err != nil {
		return err
	}
	if !isReference(part.ID.Name) {
		return nil
	}
	if err := engine.TagImage(ctx, want.ID, part.ID.Name); err != nil {
		return fmt.Errorf("give %s its name: %w", want.ID, err)
	}
	return nil
}

// load loads an image that is not there.
func load(ctx context.Context, engine *docker.Engine, id string, part kind.Part, source kind.Source) error {
	_, err := engine.Image(ctx, id)
	if err == nil || !errors.Is(err, kind.ErrGone) {
		return err
	}
	archive, ok := part.Object(archiveObject)
	if !ok {
		return fmt.Errorf("image %s is gone, and was not captured", id)
	}
	if err := engine.LoadImage(ctx, content.Open(ctx, source, archive)); err != nil {
		return fmt.Errorf("load it: %w", err)
	}
	if _, err := engine.Image(ctx, id); err != nil {
		return fmt.Errorf("it was loaded, and the engine gave it another id than %s: %w", id, err)
	}
	return nil
}

func isReference(name string) bool { return !strings.HasPrefix(name, "sha256:") }

func captured(ctx context.Context, part kind.Part, source kind.Source) (settings, error) {
	var s settings
	object, ok := part.Object(settingsObject)
	if !ok {
		return s, errors.New("the part does not say which image it is")
	}
	return s, content.GetJSON(ctx, source, object, &s)
}

// Preview says what Restore would do.
func (d *Driver) Preview(ctx context.Context, _ *kind.Workspace, part kind.Part, source kind.Source) (kind.Change, error) {
	want, err := captured(ctx, part, source)
	if err != nil {
		return kind.Change{}, err
	}
	engine, live, err := d.look(ctx, part.ID)
	switch {
	case err == nil && live.ID == want.ID:
		return kind.Change{Action: kind.ActionNone, Conflicts: want.foreign(engine)}, nil
	case err != nil && !errors.Is(err, kind.ErrGone):
		return kind.Change{}, err
	}
	foreign := want.foreign(engine)
	_, err = engine.Image(ctx, want.ID)
	if err == nil {
		return kind.Change{Action: kind.ActionPatch, Details: []string{part.ID.Name + " means another image now"}, Conflicts: foreign}, nil
	}
	if !errors.Is(err, kind.ErrGone) {
		return kind.Change{}, err
	}
	archive, ok := part.Object(archiveObject)
	if !ok {
		return kind.Change{Action: kind.ActionCreate, Conflicts: append(foreign, "image "+want.ID+" is gone, and was not captured")}, nil
	}
	return kind.Change{Action: kind.ActionCreate, Bytes: archive.Size, Grows: archive.Size, Chunks: archive.Chunks, Conflicts: foreign}, nil
}
