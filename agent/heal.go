package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/restore"
	"dogear/snapshot"
	"dogear/store"
)

// Suffixes of the two journals of a job: what it froze and stopped, and what
// a restore is doing.
const (
	runningJournal = ".running"
	restoreJournal = ".restore"
)

// healTimeout bounds the thawing and starting that a killed capture needs.
const healTimeout = 2 * time.Minute

// journalPath is where the job that a snapshot id was drawn for keeps a
// journal.
func (a *Agent) journalPath(id snapshot.ID, suffix string) string {
	return filepath.Join(a.store.JournalDir(), string(id)+suffix)
}

// journals lists the jobs that have a journal, oldest first. Those of a
// workspace on which no job is at work were interrupted.
func (a *Agent) journals() ([]snapshot.ID, error) {
	entries, err := os.ReadDir(a.store.JournalDir())
	if err != nil {
		return nil, fmt.Errorf("look for leftovers: %w", err)
	}
	var ids []snapshot.ID
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), runningJournal); ok {
			ids = append(ids, snapshot.ID(id))
		}
	}
	return ids, nil
}

// healAll heals every workspace that has leftovers. What cannot be healed
// now stays, and is reported by the first job on its workspace.
func (a *Agent) healAll(ctx context.Context) {
	ids, err := a.journals()
	if err != nil {
		return // the first job meets the same error, and has somebody to tell
	}
	for _, id := range ids {
		left, err := readGuard(a.journalPath(id, runningJournal))
		if err != nil || a.LeaveRestores && left.Restores != nil {
			continue
		}
		ctx, j := a.jobs.start(ctx, string(snapshot.OpHeal), self(), func(api.Progress) {})
		if a.jobs.claim(j, left.Workspace.Root) == nil {
			_ = a.heal(ctx, j, left.Workspace.Root)
		}
		a.jobs.end(j)
	}
}

// heal brings to an end what was interrupted on a workspace that the job has
// claimed.
func (a *Agent) heal(ctx context.Context, j *job, root string) error {
	ids, err := a.journals()
	if err != nil {
		return err
	}
	for _, id := range ids {
		left, err := readGuard(a.journalPath(id, runningJournal))
		if err != nil {
			return err
		}
		if left.Workspace.Root != root {
			continue
		}
		if err := a.healOne(ctx, j, id, left); err != nil {
			return &api.Error{
				Code:    api.CodeUnfinished,
				Message: fmt.Sprintf("an interrupted %s of %s could not be taken back: %v", left.Operation, root, err),
				State:   a.between(id),
				Hint:    "remove the cause, then run dogear recover",
			}
		}
	}
	return nil
}

// between says where the two states are between which something was interrupted.
func (a *Agent) between(id snapshot.ID) string {
	const state = "between two states; nothing is lost"
	journal, err := restore.ReadJournal(a.journalPath(id, restoreJournal))
	if err != nil || journal == nil {
		return state
	}
	return fmt.Sprintf("%s: snapshot %s holds the state before, %s what was to be brought back", state, journal.Safety, journal.Target)
}

func (a *Agent) healOne(ctx context.Context, j *job, id snapshot.ID, left leftover) error {
	j.report("taking back an interrupted " + string(left.Operation))
	if err := awaitWatchdog(ctx, a.journalPath(id, runningJournal)); err != nil {
		return err
	}
	running, err := a.settleLeft(&left)
	if err != nil {
		return err
	}
	journal, err := restore.ReadJournal(a.journalPath(id, restoreJournal))
	if err != nil {
		return err
	}
	if journal == nil && left.Clears {
		if journal, err = a.journalOfClearing(ctx, id, left); err != nil {
			return err
		}
	}
	event := snapshot.Event{Operation: snapshot.OpHeal, Note: "interrupted " + string(left.Operation), Outcome: outcomeRolledBack}
	done, err := a.concluded(ctx, left)
	if err != nil {
		return err
	}
	if journal != nil {
		amend(journal, left, running)
	}
	switch {
	case done != nil:
		event.Snapshot, event.Safety, event.Outcome = done.Snapshot, done.Safety, outcomeDone
		if err = a.conclude(ctx, j, id, left, *done); err == nil && left.Operation == snapshot.OpPause {
			var thawed []kind.ID
			thawed, err = a.stillRunning(ctx, a.fromWire(left.Workspace), left.frozen)
			running = append(running, thawed...)
		}
	case journal != nil:
		event.Snapshot, event.Safety = journal.Target, journal.Safety
		event.Found, err = a.rollBack(ctx, j, id, left, journal)
	default:
		err = a.release(ctx, left)
	}
	if err != nil {
		return err
	}
	if err := a.log(ctx, snapshot.WorkspaceAt(left.Workspace.Root), j, event); err != nil {
		return err
	}
	a.recent.add(left.Workspace.Root, healing{event, running})
	return os.Remove(a.journalPath(id, runningJournal))
}

// concluded returns what the log has to say of a job that was killed when all
// it had to do was done: a capture that is in the store, a restore that was
// proven. It returns nil for any other.
func (a *Agent) concluded(ctx context.Context, left leftover) (*snapshot.Event, error) {
	if left.done != nil || left.Clears {
		return left.done, nil
	}
	s, err := a.store.Snapshot(ctx, left.Snapshot)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &snapshot.Event{Operation: left.Operation, Snapshot: s.ID, Note: s.Note, Outcome: outcomeDone}, nil
}

// conclude does the rest for a job that is not taken back any more. What it
// stopped and did not start is meant to be stopped.
func (a *Agent) conclude(ctx context.Context, j *job, id snapshot.ID, left leftover, done snapshot.Event) error {
	if err := thaw(a.Drivers, a.fromWire(left.Workspace), left.frozen); err != nil {
		return err
	}
	ws := snapshot.WorkspaceAt(left.Workspace.Root)
	events, err := a.store.Events(ctx, ws.ID)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	logged := slices.ContainsFunc(events, func(e snapshot.Event) bool {
		return e.Operation == done.Operation && e.Snapshot == done.Snapshot && e.Receipt == done.Receipt
	})
	if !logged {
		if err := a.log(ctx, ws, j, done); err != nil {
			return err
		}
	}
	if err := os.Remove(a.journalPath(id, restoreJournal)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// journalOfClearing is for a job that was killed before it began to clear: if
// its snapshot is in the store, all that it stopped is brought back from there.
func (a *Agent) journalOfClearing(ctx context.Context, id snapshot.ID, left leftover) (*restore.Journal, error) {
	s, err := a.store.Snapshot(ctx, left.Snapshot)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return restore.ClearingJournal(a.journalPath(id, restoreJournal), left.Operation, &s, left.stopped), nil
}

// rollBack takes back a restore that had begun, and returns the snapshot of what
// was written since, if anything was.
func (a *Agent) rollBack(ctx context.Context, j *job, id snapshot.ID, left leftover, journal *restore.Journal) (found snapshot.ID, err error) {
	safety, err := a.snapshot(ctx, journal.Safety)
	if err != nil {
		return "", err
	}
	defer a.store.Hold(safety.ID)()
	ws := a.fromWire(left.Workspace)
	if err := thaw(a.Drivers, ws, left.frozen); err != nil {
		return "", err
	}
	if found, err = a.rescue(ctx, j, left, journal, &safety); err != nil {
		return "", err
	}
	g, err := reopenGuard(a.journalPath(id, runningJournal), ws, a.StartWatchdog)
	if err != nil {
		return found, err
	}
	var interrupted time.Time
	if info, err := os.Stat(a.journalPath(id, restoreJournal)); err == nil {
		interrupted = info.ModTime()
	}
	err = restore.Rollback{
		Drivers: a.Drivers, Workspace: ws, Safety: safety, Journal: journal,
		Source: a.store, Guard: g, HealthTimeout: a.HealthTimeout, Progress: j.report, Interrupted: interrupted,
	}.Run(context.WithoutCancel(ctx))
	return found, errors.Join(err, g.release())
}

// release thaws what a killed job left frozen, and starts again what it had
// stopped.
func (a *Agent) release(ctx context.Context, left leftover) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healTimeout)
	defer cancel()
	ws := a.fromWire(left.Workspace)
	if err := thaw(a.Drivers, ws, left.frozen); err != nil {
		return err
	}
	return a.startAgain(ctx, ws, left.stopped)
}

func (a *Agent) startAgain(ctx context.Context, ws *kind.Workspace, stopped []kind.ID) error {
	byKind := snapshot.ByKind(a.Drivers)
	for _, id := range slices.Backward(stopped) {
		s, ok := byKind[id.Kind].(kind.Stopper)
		if !ok {
			continue
		}
		if err := s.Resume(ctx, ws, id); err != nil {
			return fmt.Errorf("start %s again: %w", id, err)
		}
	}
	return nil
}
