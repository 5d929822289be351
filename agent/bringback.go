package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"dogear/agent/api"
	"dogear/restore"
	"dogear/snapshot"
)

// bringBack is what tells a resume, a restore and an undo apart.
type bringBack struct {
	operation snapshot.Operation
	target    snapshot.Snapshot
	keep      bool // work that was done since
	only      restore.Selection
	said      [2][]string // --only and --except
	remotely  bool
	undoes    *snapshot.Event   // by an undo
	options   map[string]string // that an undo is done under as well

	onlyHealthy bool          // else it is taken back
	within      time.Duration // until everything is healthy; 0: as long as ever

	stopped time.Time // by what this does again
}

// resume brings back the last pause, or the snapshot that is asked for, and
// keeps what was made meanwhile where that is possible.
func (a *Agent) resume(ctx context.Context, j *job, req api.RestoreRequest) (api.RestoreResult, error) {
	d, err := a.take(ctx, j, req.Workspace)
	if err != nil {
		return api.RestoreResult{}, err
	}
	onlyHealthy, err := onlyHealthy(req.OnUnhealthy)
	if err != nil {
		return api.RestoreResult{}, err
	}
	target, err := a.resumeTarget(ctx, j, d, req.Snapshot)
	if err != nil {
		return api.RestoreResult{}, err
	}
	result, err := a.bringBack(ctx, j, d, bringBack{
		operation: snapshot.OpResume, target: target, keep: !req.Exact, remotely: req.YesRemote, onlyHealthy: onlyHealthy,
		within: within(req),
	})
	result.AwayMS = a.Now().Sub(target.Instant).Milliseconds()
	return result, err
}

func (a *Agent) resumeTarget(ctx context.Context, j *job, d desk, ref string) (snapshot.Snapshot, error) {
	if ref != "" {
		return a.resolve(ctx, j, d, ref)
	}
	events, err := a.store.Events(ctx, d.ID)
	if err != nil {
		return snapshot.Snapshot{}, fmt.Errorf("read log: %w", err)
	}
	pause, err := lastPause(events)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	return a.hold(ctx, j, pause.Snapshot)
}

// restore makes the workspace exactly what a snapshot says.
func (a *Agent) restore(ctx context.Context, j *job, req api.RestoreRequest) (api.RestoreResult, error) {
	d, err := a.take(ctx, j, req.Workspace)
	if err != nil {
		return api.RestoreResult{}, err
	}
	target, err := a.resolve(ctx, j, d, req.Snapshot)
	if err != nil {
		return api.RestoreResult{}, err
	}
	only, err := a.selection(ctx, &target, req.Only, req.Except)
	if err != nil {
		return api.RestoreResult{}, err
	}
	onlyHealthy, err := onlyHealthy(req.OnUnhealthy)
	if err != nil {
		return api.RestoreResult{}, err
	}
	b := bringBack{
		operation: snapshot.OpRestore, target: target, only: only, said: [2][]string{req.Only, req.Except},
		remotely: req.YesRemote, onlyHealthy: onlyHealthy, within: within(req),
	}
	if req.To != "" {
		return a.elsewhere(ctx, j, d, b, req.To)
	}
	if req.DryRun {
		return a.preview(ctx, j, d, b)
	}
	return a.bringBack(ctx, j, d, b)
}

// undo takes back the last pause, resume, restore or undo.
func (a *Agent) undo(ctx context.Context, j *job, req api.UndoRequest) (api.RestoreResult, error) {
	d, err := a.take(ctx, j, req.Workspace)
	if err != nil {
		return api.RestoreResult{}, err
	}
	events, err := a.store.Events(ctx, d.ID)
	if err != nil {
		return api.RestoreResult{}, fmt.Errorf("read log: %w", err)
	}
	last, err := lastUndoable(events)
	if err != nil {
		return api.RestoreResult{}, err
	}
	target, err := a.hold(ctx, j, undoTarget(last))
	if err != nil {
		return api.RestoreResult{}, err
	}
	d.kind.Options = merged(last.Options, d.kind.Options)
	back := bringBack{
		operation: snapshot.OpUndo, target: target, undoes: &last, remotely: req.YesRemote,
		only: a.selectionAgain(&target, last), said: [2][]string{last.Only, last.Except},
	}
	run := a.bringBack
	if req.DryRun {
		run = a.preview
	} else {
		j.note("taking back the %s of %s (number %d in the log): %s becomes what snapshot %s says",
			last.Operation, last.Time.Local().Format(time.DateTime), last.Seq, d.Root, target.ID)
	}
	result, err := run(ctx, j, d, back)
	result.Undone = &last
	return result, err
}

func (a *Agent) bringBack(ctx context.Context, j *job, d desk, b bringBack) (api.RestoreResult, error) {
	if _, err := a.requireEngines(ctx, d, b.only.Parts(&b.target)); err != nil {
		return api.RestoreResult{}, err
	}
	outcome, err := a.runRestore(ctx, j, d, b)
	if err != nil {
		return api.RestoreResult{}, err
	}
	return b.result(d, outcome), nil
}

func (b bringBack) result(d desk, outcome restore.Outcome) api.RestoreResult {
	return api.RestoreResult{
		Source: head(b.target), Target: d.Workspace,
		Receipt: &outcome.Receipt, Safety: outcome.Receipt.Safety, Timings: &outcome.Receipt.Timings,
		Unhealthy: outcome.Unhealthy, Pulled: b.only.Pulled(&b.target),
	}
}

// runRestore restores with a journal beside it, which goes when the log says
// what was done.
func (a *Agent) runRestore(ctx context.Context, j *job, d desk, b bringBack) (out restore.Outcome, err error) {
	id := a.NewID()
	g, err := a.newGuard(d, beginning{Operation: b.operation, Snapshot: id, Restores: b.asked()})
	if err != nil {
		return out, err
	}
	return a.guarded(ctx, j, d, b, g, a.journalPath(id, restoreJournal), restore.Run)
}

// guarded restores under a guard, and ends that.
func (a *Agent) guarded(ctx context.Context, j *job, d desk, b bringBack, g *guard, journal string,
	run func(context.Context, restore.Request) (restore.Outcome, error)) (out restore.Outcome, err error) {
	b.options = lastingOptions(a.Drivers, d.kind.Options)
	defer a.store.Hold(b.target.ID)()
	defer func() {
		logged := a.log(ctx, d.Workspace, j, restoreEvent(b, out.Receipt, err))
		err = g.close(errors.Join(err, logged))
	}()
	req := a.restoreRequest(j, d, b)
	req.Guard, req.JournalPath = g, journal
	req.Secured = func(safety snapshot.ID) {
		j.note("the state before is in safety snapshot %s; from here on %s is changed", safety, d.Root)
	}
	req.Done = func(o restore.Outcome) error {
		// The restore is done, whoever gives up now.
		if err := a.store.PutReceipt(context.WithoutCancel(ctx), o.Receipt); err != nil {
			return err
		}
		return g.done(restoreEvent(b, o.Receipt, nil))
	}
	return run(ctx, req)
}

// asked is what a journal says about it.
func (b bringBack) asked() *asked {
	as := &asked{Only: b.said[0], Except: b.said[1], Remotely: b.remotely, Keep: b.keep, OnlyHealthy: b.onlyHealthy, WithinMS: b.within.Milliseconds()}
	if b.undoes != nil {
		as.Undoes = b.undoes.Seq
	}
	return as
}

func (a *Agent) restoreRequest(j *job, d desk, b bringBack) restore.Request {
	return restore.Request{
		Drivers: a.Drivers, Workspace: d.kind, Target: b.target, Operation: b.operation,
		Select: b.only, Remotely: b.remotely, Keep: b.keep, Back: b.undoes != nil, Label: b.target.Ticket,
		Source: a.store, Begin: a.begin, NewID: a.NewID,
		Safety: restore.Labels{
			Note:   fmt.Sprintf("before %s of %s", b.operation, b.target.ID),
			Ticket: b.target.Ticket, Author: author(j),
		},
		HealthTimeout: cmp.Or(b.within, a.HealthTimeout), OnlyHealthy: b.onlyHealthy, Stopped: b.stopped, Now: a.Now, Progress: j.report,
	}
}

func within(req api.RestoreRequest) time.Duration {
	return time.Duration(req.HealthyWithinMS) * time.Millisecond
}

// onlyHealthy reads what a request says about a restore that does not become
// healthy.
func onlyHealthy(said string) (bool, error) {
	switch said {
	case "", api.KeepUnhealthy:
		return false, nil
	case api.RollBackUnhealthy:
		return true, nil
	}
	return false, &api.Error{
		Code: api.CodeUsage, Message: fmt.Sprintf("on_unhealthy cannot be %q", said),
		State: "nothing has changed", Hint: "keep or rollback",
	}
}

func restoreEvent(b bringBack, receipt snapshot.Receipt, err error) snapshot.Event {
	e := snapshot.Event{
		Operation: b.operation, Snapshot: b.target.ID, Safety: receipt.Safety, Receipt: receipt.ID,
		Note: b.target.Note, Outcome: outcome(err), Only: b.said[0], Except: b.said[1], Options: b.options,
	}
	var rolledBack *restore.RolledBackError
	var unfinished *restore.UnfinishedError
	switch {
	case errors.As(err, &rolledBack):
		e.Safety = rolledBack.Safety
	case errors.As(err, &unfinished):
		e.Safety = unfinished.Safety
	}
	if b.undoes != nil {
		e.Undoes = b.undoes.Seq
	}
	return e
}

// begin opens a session of the store.
func (a *Agent) begin(ctx context.Context) (snapshot.Session, error) { return a.store.Begin(ctx) }

// preview says what bringBack would do.
func (a *Agent) preview(ctx context.Context, j *job, d desk, b bringBack) (api.RestoreResult, error) {
	if _, err := a.requireEngines(ctx, d, b.only.Parts(&b.target)); err != nil {
		return api.RestoreResult{}, err
	}
	defer a.store.Hold(b.target.ID)()
	plan, err := restore.MakePlan(ctx, a.restoreRequest(j, d, b))
	if err != nil {
		return api.RestoreResult{}, err
	}
	return api.RestoreResult{Source: head(b.target), Target: d.Workspace, Plan: &plan, Pulled: b.only.Pulled(&b.target)}, nil
}
