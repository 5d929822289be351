package agent

import (
	"context"
	"errors"
	"fmt"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/snapshot"
)

// save captures a workspace that keeps running.
func (a *Agent) save(ctx context.Context, j *job, req api.CaptureRequest) (api.CaptureResult, error) {
	return a.capture(ctx, j, req, capture{operation: snapshot.OpSave, reason: snapshot.ReasonSave})
}

// pause captures a workspace and leaves stopped what ran in it.
func (a *Agent) pause(ctx context.Context, j *job, req api.CaptureRequest) (api.CaptureResult, error) {
	everything := func(kind.ID) bool { return true }
	return a.capture(ctx, j, req, capture{operation: snapshot.OpPause, reason: snapshot.ReasonPause, stop: everything})
}

// capture is what tells a pause from a save.
type capture struct {
	operation snapshot.Operation
	reason    snapshot.Reason
	stop      func(kind.ID) bool
	gaps      []kind.Gap // what cannot be reached
	clearing  *clearing  // afterwards; nil: nothing
}

func (a *Agent) capture(ctx context.Context, j *job, req api.CaptureRequest, c capture) (api.CaptureResult, error) {
	d, err := a.take(ctx, j, req.Workspace)
	if err != nil {
		return api.CaptureResult{}, err
	}
	if err := a.nameIsFree(ctx, d, req.Name); err != nil {
		return api.CaptureResult{}, err
	}
	last, err := a.lastParts(ctx, d)
	if err != nil {
		return api.CaptureResult{}, err
	}
	if c.gaps, err = a.requireEngines(ctx, d, last); err != nil {
		return api.CaptureResult{}, err
	}
	if c.clearing, err = a.planClearing(ctx, d, req.Checkout); err != nil {
		return api.CaptureResult{}, err
	}
	taken, cleared, err := a.captureGuarded(ctx, j, d, req, c)
	if err != nil {
		return api.CaptureResult{}, err
	}
	return api.CaptureResult{Snapshot: head(taken), Contents: contents(taken), Cleared: cleared}, nil
}

// captureGuarded captures with a journal beside it, which goes when the log
// says what was done.
func (a *Agent) captureGuarded(ctx context.Context, j *job, d desk, req api.CaptureRequest, c capture) (s snapshot.Snapshot, cleared []api.Cleared, err error) {
	s = snapshot.Snapshot{
		ID: a.NewID(), Reason: c.reason, Workspace: d.Workspace,
		Note: req.Note, Ticket: req.Ticket, Name: req.Name, Author: author(j), NotCaptured: c.gaps,
	}
	g, err := a.newGuard(d, beginning{Operation: c.operation, Snapshot: s.ID, Clears: c.clearing != nil})
	if err != nil {
		return s, nil, err
	}
	defer func() {
		err = g.close(errors.Join(err, a.log(ctx, d.Workspace, j, captureEvent(c.operation, s, err))))
	}()
	session, err := a.store.Begin(ctx)
	if err != nil {
		return s, nil, fmt.Errorf("begin: %w", err)
	}
	defer func() { err = errors.Join(err, session.Abort()) }()
	taken, err := snapshot.Take(ctx, snapshot.Request{
		Drivers: a.Drivers, Workspace: d.kind, Session: session, Guard: g,
		Stop: c.stop, Now: a.Now, Progress: j.report,
	})
	if err != nil {
		return s, nil, err
	}
	s, err = a.commit(ctx, session, taken, s)
	if err != nil || c.clearing == nil {
		return s, nil, err
	}
	cleared, err = a.clear(ctx, j, d, g, c.clearing, s, taken.Stopped())
	return s, cleared, err
}

func captureEvent(op snapshot.Operation, s snapshot.Snapshot, err error) snapshot.Event {
	return snapshot.Event{Operation: op, Snapshot: s.ID, Note: s.Note, Outcome: outcome(err)}
}

// newGuard opens the journal of a job. The id in the beginning is drawn for
// the job; a capture commits under it.
func (a *Agent) newGuard(d desk, begin beginning) (*guard, error) {
	begin.Workspace = *toWire(d.kind)
	return newGuard(a.journalPath(begin.Snapshot, runningJournal), begin, d.kind, a.StartWatchdog)
}

// commit makes what was taken a snapshot of the store, or else takes back
// what was done for it.
func (a *Agent) commit(ctx context.Context, session snapshot.Session, taken *snapshot.Taken, labels snapshot.Snapshot) (snapshot.Snapshot, error) {
	s := taken.Snapshot
	s.ID, s.Reason, s.Workspace = labels.ID, labels.Reason, labels.Workspace
	s.NotCaptured = append(s.NotCaptured, labels.NotCaptured...)
	s.Note, s.Ticket, s.Name, s.Author = labels.Note, labels.Ticket, labels.Name, labels.Author
	if err := session.Commit(ctx, s); err != nil {
		return s, errors.Join(fmt.Errorf("commit: %w", err), taken.Revert(ctx))
	}
	return s, taken.Settle(context.WithoutCancel(ctx))
}

// nameIsFree refuses a name that would hide another snapshot.
func (a *Agent) nameIsFree(ctx context.Context, d desk, name string) error {
	if name == "" {
		return nil
	}
	all, err := a.store.Snapshots(ctx, d.ID)
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	if other, taken := byName(all, name); taken {
		return &api.Error{
			Code: api.CodeUsage, Message: fmt.Sprintf("snapshot %s has the name %q already", other.ID, name),
			State: "nothing has changed", Hint: "give another --name",
		}
	}
	return nil
}
