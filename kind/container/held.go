package container

import (
	"context"
	"errors"

	"dogear/internal/docker"
	"dogear/kind"
)

// held is a container that was frozen or stopped here. It is told by the engine's
// id: somebody may give it another name meanwhile, or its name to another, as Compose
// does when it makes one anew.
type held struct {
	ref    string // the engine's id; "" if nothing is held
	frozen bool   // by Freeze
	paused bool   // before Stop, by somebody else
}

func (d *Driver) noteHeld(id kind.ID, h held) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held[id.Name] = h
}

func (d *Driver) heldOf(id kind.ID) held {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held[id.Name]
}

func (d *Driver) release(id kind.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.held, id.Name)
}

// releaseOther forgets what was held under the name of a container that is another
// one.
func (d *Driver) releaseOther(id kind.ID, live *description) {
	if d.heldOf(id).ref != live.ID {
		d.release(id)
	}
}

// lookAtHeld is look for what may be held, whatever it is called by now.
func (d *Driver) lookAtHeld(ctx context.Context, id kind.ID) (*docker.Engine, *description, error) {
	h := d.heldOf(id)
	engine, err := d.engines.Engine(ctx)
	if err != nil || h.ref == "" {
		return d.look(ctx, id)
	}
	live, err := engine.Container(ctx, h.ref)
	if errors.Is(err, kind.ErrGone) {
		return d.look(ctx, id) // it may have been made again
	}
	if err != nil {
		return engine, nil, err
	}
	described, err := describe(ctx, engine, live)
	return engine, described, err
}
