package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dogear/kind"
	"dogear/restore"
	"dogear/snapshot"
	"dogear/store"
)

// rescue captures what somebody has written to what an interrupted restore had
// begun, before that is taken back or gone on with: it may have been interrupted
// long ago, and nobody noticed. Without anything of that it returns no id. Only
// who asks for it (see job.forsakes) loses what cannot be captured.
func (a *Agent) rescue(ctx context.Context, j *job, left leftover, journal *restore.Journal, safety *snapshot.Snapshot) (snapshot.ID, error) {
	ws := a.fromWire(left.Workspace)
	strayed, err := a.strayed(ctx, ws, journal, safety)
	if err == nil && len(strayed) == 0 {
		return "", nil
	}
	j.report("capturing what was written since")
	var found snapshot.ID
	if err == nil {
		found, err = a.captureFound(ctx, j, left, ws, strayed)
	}
	switch {
	case err == nil:
		return found, nil
	case j.forsakes:
		j.note("%v. It is overwritten all the same, as it was asked for", cannotRescue(strayed, err))
		return "", nil
	}
	return "", fmt.Errorf("%w. dogear recover --rollback takes it back all the same, and that is lost", cannotRescue(strayed, err))
}

func cannotRescue(strayed []restore.Strayed, err error) error {
	if len(strayed) == 0 {
		return fmt.Errorf("whether anything was written since cannot be told: %w", err)
	}
	return fmt.Errorf("what was written since (%s) cannot be captured: %w", listed(strayed), err)
}

// listed names some of what was written.
func listed(strayed []restore.Strayed) string {
	var all []string
	for _, s := range strayed {
		all = append(all, s.Part.String()+": "+strings.Join(s.Names, ", "))
	}
	return strings.Join(all, "; ")
}

func (a *Agent) strayed(ctx context.Context, ws *kind.Workspace, journal *restore.Journal, safety *snapshot.Snapshot) ([]restore.Strayed, error) {
	target, err := a.store.Snapshot(ctx, journal.Target)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return restore.FindStrayed(ctx, a.Drivers, ws, journal, safety, &target, a.store)
}

// captureFound captures the items, and what runs and uses them, as they are.
func (a *Agent) captureFound(ctx context.Context, j *job, left leftover, ws *kind.Workspace, strayed []restore.Strayed) (_ snapshot.ID, err error) {
	items, err := a.withUsers(ctx, ws, strayed)
	if err != nil {
		return "", err
	}
	s := snapshot.Snapshot{
		ID: a.NewID(), Reason: snapshot.ReasonFound, Workspace: snapshot.WorkspaceAt(ws.Root), Author: author(j),
		Note: fmt.Sprintf("written since a %s was interrupted: %s", left.Operation, listed(strayed)),
	}
	g, err := newGuard(a.journalPath(s.ID, runningJournal), beginning{Operation: snapshot.OpHeal, Workspace: left.Workspace, Snapshot: s.ID}, ws, a.StartWatchdog)
	if err != nil {
		return "", err
	}
	defer func() { err = g.close(err) }()
	session, err := a.store.Begin(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, session.Abort()) }()
	taken, err := snapshot.Take(ctx, snapshot.Request{
		Drivers: a.Drivers, Workspace: ws, Session: session, Guard: g, Items: items, Now: a.Now, Progress: j.report,
	})
	if err != nil {
		return "", err
	}
	s, err = a.commit(ctx, session, taken, s)
	return s.ID, err
}

// withUsers returns the items as they are, and those that have to stand still
// while they are captured.
func (a *Agent) withUsers(ctx context.Context, ws *kind.Workspace, strayed []restore.Strayed) ([]kind.Item, error) {
	items, err := snapshot.Find(ctx, a.Drivers, ws)
	if err != nil {
		return nil, err
	}
	byKind := snapshot.ByKind(a.Drivers)
	has := func(id kind.ID) bool {
		return slices.ContainsFunc(strayed, func(s restore.Strayed) bool { return s.Part == id })
	}
	return slices.DeleteFunc(items, func(it kind.Item) bool {
		_, runs := byKind[it.ID.Kind].(kind.Stopper)
		return !has(it.ID) && !(runs && slices.ContainsFunc(it.Needs, has))
	}), nil
}
