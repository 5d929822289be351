// Package mongodb finds MongoDB servers in the containers of a workspace, and
// says what is not captured of them.
//
// Their files travel as bytes with the volume that holds them, from one frozen
// instant: MongoDB recovers from its journal as after a power cut. A running
// server rewrites them all the time, so the item claims them, and as nothing
// speaks for what is in them, a comparison says that the contents were not
// compared; a restore compares every byte before the server starts. There is no
// dump, so nothing smaller comes back, and nothing in another version.
//
// Nothing of this has been run against a real server: tests have a program of
// the same name.
package mongodb

import (
	"context"
	"errors"

	"dogear/internal/docker"
	"dogear/kind"
)

// Kind is the kind of the driver's items.
const Kind = "mongodb"

// Driver finds MongoDB servers.
type Driver struct {
	engines *docker.Connector
}

var (
	_ kind.Driver    = (*Driver)(nil)
	_ kind.Previewer = (*Driver)(nil)
	_ kind.Narrower  = (*Driver)(nil)
)

// New returns a driver for servers in containers of the given engine.
func New(engines *docker.Connector) *Driver { return &Driver{engines: engines} }

// Kind returns "mongodb".
func (d *Driver) Kind() string { return Kind }

// Find lists the servers in the workspace's containers, running or not.
func (d *Driver) Find(ctx context.Context, _ *kind.Workspace, found []kind.Item) ([]kind.Item, error) {
	return d.engines.FindServers(ctx, found, func(engine *docker.Engine, c *docker.Container, name string) ([]kind.Item, error) {
		s, err := serverIn(ctx, engine, c)
		if err != nil || s == nil {
			return nil, err
		}
		id := kind.ID{Kind: "container", Name: c.Name}
		return []kind.Item{{
			ID: kind.ID{Kind: Kind, Name: name}, RunsIn: id, Needs: []kind.ID{id}, Claims: s.claims(id, found),
		}}, nil
	})
}

// Inspect returns the version of a server that runs.
func (d *Driver) Inspect(ctx context.Context, _ *kind.Workspace, item kind.Item) kind.Facts {
	version, err := d.version(ctx, item)
	if err != nil {
		return kind.FailedFacts(err)
	}
	return kind.Stream([]kind.Fact{{Name: "version", Value: version}})
}

func (d *Driver) version(ctx context.Context, item kind.Item) (string, error) {
	engine, err := d.engines.Engine(ctx)
	if err != nil {
		return "", err
	}
	c, err := engine.Container(ctx, item.RunsIn.Name)
	if err != nil {
		return "", err
	}
	s, err := serverIn(ctx, engine, c)
	switch {
	case err != nil:
		return "", err
	case s == nil:
		return "", kind.ErrGone
	case !s.running:
		return "", kind.ErrNotRunning
	}
	return s.version(ctx)
}

// noDump is what is not captured.
var noDump = kind.Gap{
	What: "dump, and contents as facts",
	Why:  "dogear does not speak with MongoDB; physical copy only, which comes back as a whole, in the same version",
}

// capture has nothing to do: the bytes are captured with their tree.
type capture struct {
	driver *Driver
	item   kind.Item
}

// Open begins a capture.
func (d *Driver) Open(_ context.Context, _ *kind.Workspace, item kind.Item, _ kind.Sink) (kind.Capture, error) {
	return &capture{driver: d, item: item}, nil
}

func (c *capture) Take(context.Context) error { return nil }

func (c *capture) Close() error { return nil }

// Finish asks for the version.
func (c *capture) Finish(ctx context.Context) (kind.Part, error) {
	gap := noDump
	gap.Part = c.item.ID
	part := kind.Part{ID: c.item.ID, Facts: kind.Stream(nil), Gaps: []kind.Gap{gap}}
	version, err := c.driver.version(ctx, c.item)
	switch {
	case errors.Is(err, kind.ErrNotRunning):
	case err != nil:
		return kind.Part{}, err
	default:
		part.Facts = kind.Stream([]kind.Fact{{Name: "version", Value: version}})
	}
	return part, nil
}

// Preview is about nothing: the files come back with their tree.
func (d *Driver) Preview(context.Context, *kind.Workspace, kind.Part, kind.Source) (kind.Change, error) {
	return kind.Change{Action: kind.ActionNone}, nil
}

// Restore restores nothing, likewise.
func (d *Driver) Restore(context.Context, *kind.Workspace, kind.Part, kind.Source) error { return nil }

// Narrow says that the contents were not compared.
func (d *Driver) Narrow(_ context.Context, _ *kind.Workspace, part kind.Part, _ kind.Source) (*kind.Narrowed, error) {
	return &kind.Narrowed{
		Leaves: func(string) bool { return false },
		Gap:    kind.Gap{Part: part.ID, What: "contents", Why: "dogear does not speak with MongoDB; a restore compares its files byte by byte before it starts"},
	}, nil
}
