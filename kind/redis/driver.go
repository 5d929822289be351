package redis

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9/logging"

	"dogear/internal/docker"
	"dogear/internal/dsn"
	"dogear/kind"
)

// Kind is the kind of the driver's items.
const Kind = "redis"

// Driver finds, inspects, captures and loads Redis servers.
type Driver struct {
	engines *docker.Connector
}

var (
	_ kind.Driver        = (*Driver)(nil)
	_ kind.Previewer     = (*Driver)(nil)
	_ kind.Configurable  = (*Driver)(nil)
	_ kind.Starter       = (*Driver)(nil)
	_ kind.HealthChecker = (*Driver)(nil)
	_ kind.Fleeting      = (*Driver)(nil)
	_ kind.Perishable    = (*Driver)(nil)
	_ kind.Separable     = (*Driver)(nil)
)

// New returns a driver for servers in containers of the given engine.
func New(engines *docker.Connector) *Driver {
	logging.Disable() // the library would write to standard error
	return &Driver{engines: engines}
}

// Kind returns "redis".
func (d *Driver) Kind() string { return Kind }

// Options returns what can be set with -o redis.…
func (d *Driver) Options() []kind.Option {
	return []kind.Option{{Key: "ttl", Values: []string{ttlDeadline, ttlRemaining}}, dsn.OtherServer()}
}

// Inspect returns what the server's memory holds.
func (d *Driver) Inspect(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	return func(yield func(kind.Fact, error) bool) {
		m, err := d.look(ctx, ws, item)
		if err != nil {
			yield(kind.Fact{}, err)
			return
		}
		kind.Stream(m.facts(ws.Redact))(yield)
	}
}

// LostByStop reports whether the server keeps nothing on disk that comes back.
func (d *Driver) LostByStop(ctx context.Context, ws *kind.Workspace, item kind.Item) (bool, error) {
	s, err := d.server(ctx, ws, item)
	if err != nil {
		return false, err
	}
	c, err := s.connect(ctx)
	if err != nil {
		return false, ctx.Err() // nothing of it can be saved
	}
	defer c.hangUp()
	settings, err := c.ConfigGet(ctx, "*").Result()
	if err != nil {
		return true, ctx.Err() // it is not known: the safe way
	}
	return len(item.Claims) == 0 || settings["appendonly"] != "yes" && settings["save"] == "", nil
}

// Separable reports whether the memory is in the part: then it can be loaded
// into the server that runs, whatever its files say.
func (d *Driver) Separable(part kind.Part) bool {
	_, ok := part.Object(memoryObject)
	return ok
}

// Restore loads a server that runs. One that does not is loaded by Start.
func (d *Driver) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	err := d.converge(ctx, ws, part, source)
	if errors.Is(err, kind.ErrNotRunning) && !part.RunsIn.IsZero() {
		return nil
	}
	return err
}

// PreviewStart implements kind.Loader: files are not the state of a server.
func (d *Driver) PreviewStart(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (kind.Change, error) {
	return d.Preview(ctx, ws, part, source)
}

// Preview compares a server that runs with the part. To one that does not run
// nothing is done: Start compares it, and may need the content then.
func (d *Driver) Preview(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (kind.Change, error) {
	want, err := getMeta(ctx, part, source)
	if err != nil || !want.Running {
		return kind.Change{Action: kind.ActionNone}, err
	}
	change := kind.Change{Action: kind.ActionNone}
	memory, _ := part.Object(memoryObject)
	change.Chunks = memory.Chunks
	live, err := d.look(ctx, ws, part.Item())
	if errors.Is(err, kind.ErrNotRunning) || errors.Is(err, kind.ErrGone) {
		if part.RunsIn.IsZero() { // nobody here starts it
			change.Action, change.Conflicts = kind.ActionPatch, []string{err.Error() + ": start it to load its keys"}
		}
		return change, nil
	}
	if err != nil {
		return kind.Change{}, err
	}
	p := compare(ws, part, want, live)
	if p.nothing() {
		return change, nil
	}
	change.Action, change.Details = kind.ActionPatch, p.details()
	if p.memory {
		change.Bytes = memory.Size
	}
	if err := p.possible(part, want, live); err != nil {
		change.Conflicts = []string{err.Error()}
	}
	s, err := d.server(ctx, ws, part.Item())
	if err != nil {
		return change, err
	}
	change.Remote = s.remote()
	change.Conflicts = append(change.Conflicts, dsn.Mistaken(ws, Kind, want.Address, s.where())...)
	return change, nil
}
