package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dogear/agent/api"
	"dogear/restore"
	"dogear/snapshot"
)

// recover reports what was taken back: it was healed when this agent started
// or when the job got its workspace. If it was asked to finish a restore, it
// does that first (see Options.LeaveRestores).
func (a *Agent) recover(ctx context.Context, j *job, req api.RecoverRequest) (api.HealResult, error) {
	result := api.HealResult{Healed: []api.Event{}}
	j.forsakes = req.Rollback
	if req.Resume {
		finished, err := a.finish(ctx, j, req.Workspace)
		if err != nil {
			return api.HealResult{}, err
		}
		result.Finished = finished
	}
	d, err := a.takeHealed(ctx, j, req.Workspace)
	if err != nil {
		return api.HealResult{}, err
	}
	events, err := a.store.Events(ctx, d.ID)
	if err != nil {
		return api.HealResult{}, fmt.Errorf("read log: %w", err)
	}
	result.Workspace = d.Workspace
	for _, e := range events {
		if e.Operation == snapshot.OpHeal && !e.Time.Before(a.started) {
			result.Healed = append(result.Healed, e)
		}
	}
	return result, nil
}

// finish goes on with the restore of a workspace that was interrupted, if
// there is one that can be gone on with.
func (a *Agent) finish(ctx context.Context, j *job, ws api.Workspace) (*api.RestoreResult, error) {
	d, err := a.open(ctx, ws)
	if err != nil {
		return nil, err
	}
	if err := a.jobs.claim(j, d.Root); err != nil {
		return nil, err
	}
	ids, err := a.journals()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		left, err := readGuard(a.journalPath(id, runningJournal))
		if err != nil {
			return nil, err
		}
		if left.Workspace.Root != d.Root || left.Restores == nil || left.done != nil {
			continue
		}
		journal, err := restore.ReadJournal(a.journalPath(id, restoreJournal))
		if err != nil || journal == nil {
			return nil, err // nothing was touched, so it is as good as never begun
		}
		if left.Restores.Keep {
			return a.again(ctx, j, d, left, journal)
		}
		return a.goOn(ctx, j, d, id, left, journal)
	}
	return nil, nil
}

// goOn goes on with a restore from its journal.
func (a *Agent) goOn(ctx context.Context, j *job, d desk, id snapshot.ID, left leftover, journal *restore.Journal) (*api.RestoreResult, error) {
	target, err := a.hold(ctx, j, journal.Target)
	if err != nil {
		return nil, err
	}
	safety, err := a.hold(ctx, j, journal.Safety)
	if err != nil {
		return nil, err
	}
	d = a.asBegun(d, left)
	if err := a.haltAgain(ctx, id, &left, journal); err != nil {
		return nil, err
	}
	found, err := a.rescue(ctx, j, left, journal, &safety)
	if err != nil {
		return nil, cannotGoOn(left, journal, err)
	}
	b := a.begun(left, target)
	g, err := reopenGuard(a.journalPath(id, runningJournal), d.kind, a.StartWatchdog)
	if err != nil {
		return nil, err
	}
	g.left, g.left.frozen, g.left.settling = left, nil, nil
	outcome, err := a.guarded(ctx, j, d, b, g, a.journalPath(id, restoreJournal), func(ctx context.Context, req restore.Request) (restore.Outcome, error) {
		return restore.Continue(ctx, req, journal, safety)
	})
	if err != nil {
		return nil, err
	}
	healed := snapshot.Event{
		Operation: snapshot.OpHeal, Note: "interrupted " + string(left.Operation), Snapshot: target.ID, Safety: safety.ID, Found: found, Outcome: outcomeDone,
	}
	result := b.result(d, outcome)
	return &result, errors.Join(a.log(ctx, d.Workspace, j, healed))
}

// asBegun is the workspace as it was when the restore was begun, but for the
// variables, which are written nowhere.
func (a *Agent) asBegun(d desk, left leftover) desk {
	variables := d.kind.Variables
	d.kind = a.fromWire(left.Workspace)
	d.kind.Variables = variables
	return d
}

// begun is what the restore was asked for.
func (a *Agent) begun(left leftover, target snapshot.Snapshot) bringBack {
	as := left.Restores
	b := bringBack{
		operation: left.Operation, target: target, said: [2][]string{as.Only, as.Except}, remotely: as.Remotely, onlyHealthy: as.OnlyHealthy,
		within: time.Duration(as.WithinMS) * time.Millisecond, keep: as.Keep, only: a.selectionAgain(&target, snapshot.Event{Only: as.Only, Except: as.Except}),
	}
	if as.Undoes != 0 {
		b.undoes = &snapshot.Event{Seq: as.Undoes}
	}
	return b
}

// again does once more what was interrupted and is to keep what was made in the
// meantime: that had been taken aside by a process that is gone. It is taken
// aside anew, from the state before, which is brought back for that.
func (a *Agent) again(ctx context.Context, j *job, d desk, left leftover, journal *restore.Journal) (*api.RestoreResult, error) {
	target, err := a.hold(ctx, j, journal.Target)
	if err != nil {
		return nil, err
	}
	if err := a.heal(ctx, j, d.Root); err != nil {
		return nil, err
	}
	j.note("the interrupted %s was taken back, to keep what was made in the meantime; now it is done again", left.Operation)
	d = a.asBegun(d, left)
	b := a.begun(left, target)
	b.stopped = journal.Stopped
	result, err := a.bringBack(ctx, j, d, b)
	return &result, err
}

func cannotGoOn(left leftover, journal *restore.Journal, why error) error {
	return &api.Error{
		Code: api.CodeUnfinished, Message: fmt.Sprintf("the interrupted %s cannot be gone on with: %v", left.Operation, why),
		State: "between two states; nothing is lost: snapshot " + string(journal.Safety) + " holds the state before",
		Hint:  "dogear recover takes it back; then run it again",
	}
}

// haltAgain brings what runs to where the restore had it: what was frozen is
// stopped by it again, what was being stopped for good is stopped.
func (a *Agent) haltAgain(ctx context.Context, id snapshot.ID, left *leftover, journal *restore.Journal) error {
	if err := awaitWatchdog(ctx, a.journalPath(id, runningJournal)); err != nil {
		return err
	}
	others, err := a.settleLeft(left)
	if err != nil {
		return err
	}
	if len(others) > 0 {
		return cannotGoOn(*left, journal, fmt.Errorf("%s was thawed after it was captured, and stopping it would lose what it has written since", others[0]))
	}
	amend(journal, *left, nil)
	return thaw(a.Drivers, a.fromWire(left.Workspace), left.frozen)
}
