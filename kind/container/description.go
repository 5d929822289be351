package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/kind"
)

// The objects of a part.
const (
	descriptionObject = "description"
	layerObject       = "layer"
)

// description is a container with what the engine's own description says only
// by id, or would not say any more once the container has stopped.
type description struct {
	*docker.Container
	// Parents are the names, by id or name, of the containers that this one
	// refers to.
	Parents map[string]string
	State   State
	Healthy bool
	// Failing says that it ran into its end again and again.
	Failing bool
	layer   string // the directory of its writable layer, if that can be read
	// Ports are the host's ports that led into the container while it ran.
	Ports ports
	Users docker.Users // of the engine
}

// ports are bindings by the port that they lead to, like 80/tcp.
type ports map[string][]docker.Binding

// State is what Start brings a container back to. That a stopped one has run
// before, and its exit code, cannot be brought back, so they are no facts.
type State string

// The states of a container.
const (
	Running State = "running"
	Paused  State = "paused"
	Stopped State = "not running"
)

// record is a description as it is stored.
type record struct {
	Inspect json.RawMessage   `json:"inspect"`
	Parents map[string]string `json:"parents,omitempty"`
	State   State             `json:"state"`
	Healthy bool              `json:"healthy,omitempty"`
	Failing bool              `json:"failing,omitempty"`
	Ports   ports             `json:"ports,omitempty"`

	Users docker.Users `json:"users,omitempty"` // of the engine
}

func describe(ctx context.Context, engine *docker.Engine, c *docker.Container) (*description, error) {
	d := &description{Container: c, Parents: make(map[string]string), State: stateOf(c), Ports: c.NetworkSettings.Ports, Users: engine.Users()}
	d.Failing = isFailing(c, time.Now())
	d.Healthy = c.State.Health != nil && c.State.Health.Status == "healthy"
	var err error
	if d.layer, err = engine.Layer(ctx, c); err != nil {
		return nil, err
	}
	for _, ref := range references(c) {
		parent, err := engine.Container(ctx, ref)
		if errors.Is(err, kind.ErrGone) {
			continue // a dead reference stays one, and is seen as different
		}
		if err != nil {
			return nil, fmt.Errorf("look at container %s: %w", ref, err)
		}
		d.Parents[ref] = parent.Name
	}
	return d, nil
}

// isFailing reports whether a container ends again and again: the engine is
// about to start it once more, or has just done so.
func isFailing(c *docker.Container, now time.Time) bool {
	return c.State.Restarting || c.State.Running && c.RestartCount > 0 && now.Sub(c.State.StartedAt) < settleTime
}

func stateOf(c *docker.Container) State {
	switch {
	case c.State.Paused:
		return Paused
	case c.State.Running:
		return Running
	}
	return Stopped
}

func (d *description) put(ctx context.Context, sink kind.Sink) (kind.Object, error) {
	return content.PutJSON(ctx, sink, descriptionObject, record{
		Inspect: d.Raw, Parents: d.Parents, State: d.State, Healthy: d.Healthy, Failing: d.Failing, Ports: d.Ports, Users: d.Users,
	})
}

// captured reads the description in a part.
func captured(ctx context.Context, part kind.Part, source kind.Source) (*description, error) {
	object, ok := part.Object(descriptionObject)
	if !ok {
		return nil, errors.New("the part has no description of the container")
	}
	var r record
	if err := content.GetJSON(ctx, source, object, &r); err != nil {
		return nil, err
	}
	c, err := docker.ParseContainer(r.Inspect)
	if err != nil {
		return nil, err
	}
	return &description{Container: c, Parents: r.Parents, State: r.State, Healthy: r.Healthy, Failing: r.Failing, Ports: r.Ports, Users: r.Users}, nil
}
