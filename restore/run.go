package restore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dogear/kind"
	"dogear/snapshot"
)

// run is one restore on its way.
type run struct {
	req    Request
	desk   *desk
	plan   Plan
	safety snapshot.Snapshot
	taken  *snapshot.Taken // nil: the restore goes on from a journal
	keep   []keepsake
	// looks are those in which items were found to be as they were saved.
	looks map[kind.ID]*kind.Workspace
	stage *stage // nil: nothing was checked

	stopped []kind.ID // to be started again
	begun   []kind.ID // before it was interrupted

	journalMu sync.Mutex // guards what j.begin changes
	j         *Journal

	began     time.Time // the restore
	stoppedAt time.Time // the first stop; zero if nothing was stopped
}

// Run restores the workspace to the target.
//
// If anything fails before the first item is touched, what was stopped is
// started again. If anything fails later, the state recorded by the safety
// snapshot is brought back (RolledBackError), or, if that fails as well, the
// journal stays for Recover (UnfinishedError).
func Run(ctx context.Context, req Request) (Outcome, error) {
	r := &run{req: req, began: req.Now(), looks: make(map[kind.ID]*kind.Workspace)}
	defer func() { r.stage.close() }()
	if err := r.prepare(ctx); err != nil {
		return Outcome{}, err
	}
	if outcome, proven, err := r.confirm(ctx); proven || err != nil {
		return outcome, err
	}
	defer r.closeKeepsakes()
	if err := r.secure(ctx); err != nil {
		return Outcome{}, err
	}
	outcome, err := r.apply(ctx)
	return r.conclude(ctx, outcome, err)
}

// conclude ends a restore that has touched things: it is done, or taken back.
func (r *run) conclude(ctx context.Context, outcome Outcome, err error) (Outcome, error) {
	if err == nil && r.req.OnlyHealthy && len(outcome.Unhealthy) > 0 {
		err = &UnhealthyError{Ailing: outcome.Unhealthy}
	}
	if err == nil && r.req.Done != nil {
		err = r.req.Done(outcome)
	}
	if err != nil {
		return Outcome{}, r.takeBack(ctx, err)
	}
	if err := r.j.remove(); err != nil {
		return Outcome{}, err
	}
	return outcome, nil
}

// prepare plans, and reads all content that the plan needs, before anything
// stops.
func (r *run) prepare(ctx context.Context) error {
	r.req.progress("comparing with snapshot %s", r.req.Target.ID)
	desk, err := r.look(ctx)
	if err != nil {
		return err
	}
	r.desk = desk
	if r.plan, err = desk.plan(ctx); err != nil {
		return err
	}
	if len(r.plan.Conflicts) > 0 {
		return &ConflictError{Conflicts: r.plan.Conflicts}
	}
	r.req.progress("checking the content that is needed")
	return r.checkContent(ctx)
}

// secure takes the safety snapshot, in the course of which everything that
// the plan touches stops, commits it, and writes the journal.
func (r *run) secure(ctx context.Context) (err error) {
	r.req.progress("taking a safety snapshot")
	session, err := r.req.Begin(ctx)
	if err != nil {
		return fmt.Errorf("safety snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, session.Abort()) }()
	if r.taken, err = snapshot.Take(ctx, r.safetyRequest(session)); err != nil {
		return fmt.Errorf("safety snapshot: %w", err)
	}
	if len(r.taken.Stopped()) == 0 {
		r.stoppedAt = time.Time{} // nothing was running that had to be stopped
	}
	if !r.req.Stopped.IsZero() {
		r.stoppedAt = r.req.Stopped
	}
	r.stopped = r.taken.Stopped()
	r.safety = r.label(r.taken.Snapshot)
	r.keepUnderItsName()
	if err := r.commit(ctx, session); err != nil {
		return errors.Join(fmt.Errorf("safety snapshot: %w", err), r.taken.Revert(ctx))
	}
	return r.settle(ctx)
}

func (r *run) safetyRequest(session snapshot.Session) snapshot.Request {
	stop := make(map[kind.ID]bool, len(r.plan.Quiet))
	for _, id := range r.plan.Quiet {
		stop[id] = true
	}
	guard := &ledger{Guard: r.req.Guard, r: r}
	req := snapshot.Request{
		Drivers: r.req.Drivers, Workspace: r.req.Workspace, Session: session,
		Guard: guard, Now: r.req.Now, Progress: r.req.Progress,
		Stop: func(id kind.ID) bool { return stop[id] },
	}
	// What the files of a server do not bring back needs its dump.
	ws := *r.req.Workspace
	ws.Dumped = r.touchedAlone()
	req.Workspace = &ws
	if !r.desk.runs() {
		// The capture goes on from the look that the plan was made in. Where
		// something runs and writes, what it wrote since would be read while
		// it is stopped.
		look := *r.desk.ws
		look.Dumped = r.touchedAlone()
		req.Items, req.Workspace = r.desk.items(), &look
	}
	return req
}

// touchedAlone lists the parts that are changed without the trees they claim.
func (r *run) touchedAlone() []kind.ID {
	var ids []kind.ID
	for _, s := range r.plan.Steps {
		if s.touches() && r.desk.alone[s.Part] {
			ids = append(ids, s.Part)
		}
	}
	return ids
}

// keepUnderItsName tells drivers which safety snapshot what they keep belongs to.
func (r *run) keepUnderItsName() {
	ws := *r.req.Workspace
	ws.Safety = string(r.safety.ID)
	r.req.Workspace = &ws
	if r.desk != nil {
		r.desk.ws = &ws
	}
}

// label fills in what the capture does not know.
func (r *run) label(s snapshot.Snapshot) snapshot.Snapshot {
	s.ID = r.req.NewID()
	s.Reason = snapshot.ReasonSafety
	s.Before = r.req.Target.ID
	s.Note, s.Ticket, s.Author = r.req.Safety.Note, r.req.Safety.Ticket, r.req.Safety.Author
	return s
}

func (r *run) commit(ctx context.Context, session snapshot.Session) error {
	if err := session.Commit(ctx, r.safety); err != nil {
		return err
	}
	j := &Journal{
		path: r.req.JournalPath, Operation: r.req.Operation, Workspace: r.req.Workspace.Root,
		Target: r.req.Target.ID, Safety: r.safety.ID, Plan: r.plan, Alone: r.touchedAlone(), Stopped: r.stoppedAt,
	}
	if err := j.save(); err != nil {
		return err
	}
	r.j = j
	if r.req.Secured != nil {
		r.req.Secured(r.safety.ID)
	}
	return nil
}

// settle stops what goes when it stops, and is in the safety snapshot now, and
// makes it again from there.
func (r *run) settle(ctx context.Context) error {
	err := r.taken.Settle(ctx)
	if err == nil {
		err = regain(ctx, r.req.Drivers, r.req.Workspace, &r.safety, r.req.Source, r.j.Begun)
	}
	if err == nil {
		return nil
	}
	if reverted := r.taken.Revert(ctx); reverted != nil || len(r.j.Begun) > 0 {
		return r.takeBack(ctx, errors.Join(err, reverted))
	}
	return errors.Join(err, r.j.remove())
}

// ledger is the guard of the safety capture. It notes when the first item was
// about to be stopped, and in the journal what goes by being stopped.
type ledger struct {
	snapshot.Guard
	r  *run
	mu sync.Mutex
}

func (l *ledger) WillStop(id kind.ID) error {
	l.note()
	return l.Guard.WillStop(id)
}

// WillSettle is in the journal last: what is there may be restored over, and
// until the guard knows, it may be thawed.
func (l *ledger) WillSettle(id kind.ID, run string) error {
	l.note()
	if err := l.Guard.WillSettle(id, run); err != nil {
		return err
	}
	return l.r.j.begin(id)
}

func (l *ledger) note() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.r.stoppedAt.IsZero() {
		l.r.stoppedAt = l.r.req.Now()
	}
}
