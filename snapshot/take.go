package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dogear/kind"
)

// maxRounds is how often a capture is tried when somebody restarts a
// container in the middle of it.
const maxRounds = 3

// settleTimeout bounds the thawing and restarting that follows a failure. It
// runs also when the capture's own context has ended.
const settleTimeout = 2 * time.Minute

// Request asks for a snapshot.
type Request struct {
	Drivers   []kind.Driver
	Workspace *kind.Workspace
	Session   Session
	Guard     Guard

	// Items are those of the workspace, if the caller has just looked for
	// them; nil: Take looks for them.
	Items []kind.Item

	// Stop selects the running items that are stopped, and stay so, instead
	// of being frozen for a moment. Nil selects none.
	Stop func(kind.ID) bool

	// Now is the clock.
	Now func() time.Time
	// Progress is told of each stage. It may be nil.
	Progress func(stage string)
}

func (r Request) stops(id kind.ID) bool { return r.Stop != nil && r.Stop(id) }

func (r Request) progress(format string, args ...any) {
	if r.Progress != nil {
		r.Progress(fmt.Sprintf(format, args...))
	}
}

func (r Request) find(ctx context.Context) ([]kind.Item, error) {
	if r.Items != nil {
		return r.Items, nil
	}
	r.progress("looking at the workspace")
	return Find(ctx, r.Drivers, r.Workspace)
}

// Taken is a snapshot whose content is in the session and not committed yet.
// The caller commits it and then calls Settle, or else calls Revert.
type Taken struct {
	Snapshot Snapshot

	running *running
	waiting []kind.ID          // frozen until the commit, to be stopped after it
	runs    map[kind.ID]string // which runs of those were captured
}

// Stopped lists what the capture has stopped, in that order.
func (t *Taken) Stopped() []kind.ID {
	return append(append([]kind.ID{}, t.running.stopped...), t.waiting...)
}

// Settle stops what could only be stopped after the commit.
//
// What was thawed or restarted by others meanwhile is left running: stopping it
// would lose what it has written since.
func (t *Taken) Settle(ctx context.Context) error {
	for _, id := range t.waiting {
		now, err := t.running.incarnations(ctx, []kind.ID{id})
		if err != nil && !errors.Is(err, kind.ErrGone) {
			return err
		}
		if err == nil && now[id] != "" && now[id] != t.runs[id] {
			return fmt.Errorf("%s: %w", id, errMovedOn)
		}
	}
	for _, id := range t.waiting {
		if err := t.running.settle(ctx, id, t.runs[id]); err != nil {
			return err
		}
	}
	return nil
}

// Revert starts again what the capture has stopped. It runs to its end even
// if ctx has ended.
func (t *Taken) Revert(ctx context.Context) error { return t.running.revert(ctx) }

func (r *running) revert(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return errors.Join(r.thawAll(ctx), r.resumeAll(ctx))
}

// errRestarted ends a round in which somebody restarted what we had frozen.
var errRestarted = errors.New("a container was restarted by somebody else during the capture")

// errMovedOn says why something that stopping would lose was not stopped.
var errMovedOn = errors.New("somebody else thawed or restarted it after it was captured, so it was not stopped: that would lose what it has written since")

// Take captures the workspace as one point in time. When it fails nothing is
// left frozen or stopped.
func Take(ctx context.Context, req Request) (*Taken, error) {
	start := req.Now()
	for attempt := 1; ; attempt++ {
		taken, err := takeOnce(ctx, req)
		if errors.Is(err, errRestarted) && attempt < maxRounds {
			req.progress("%v; trying again", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		taken.Snapshot.Created = start
		taken.Snapshot.Timings.TotalMS = req.Now().Sub(start).Milliseconds()
		return taken, nil
	}
}

func takeOnce(ctx context.Context, req Request) (*Taken, error) {
	items, err := req.find(ctx)
	if err != nil {
		return nil, err
	}
	r := newRound(req, items)
	if err := r.run(ctx); err != nil {
		// Thawed first: a capture may have to talk to a server to be closed.
		return nil, errors.Join(err, r.running.revert(ctx), r.close())
	}
	if err := r.close(); err != nil {
		return nil, errors.Join(err, r.running.revert(ctx))
	}
	return &Taken{Snapshot: r.snapshot(), running: r.running, waiting: r.waiting, runs: r.runs}, nil
}
