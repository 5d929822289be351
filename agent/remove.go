package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dogear/agent/api"
	"dogear/snapshot"
	"dogear/store"
)

// remove deletes snapshots: all that are named, or none.
func (a *Agent) remove(ctx context.Context, j *job, req api.RemoveRequest) (api.RemoveResult, error) {
	d, err := a.open(ctx, req.Workspace)
	if err != nil {
		return api.RemoveResult{}, err
	}
	a.curating.Lock()
	defer a.curating.Unlock()
	targets, err := a.removable(ctx, d, req)
	if err != nil {
		return api.RemoveResult{}, err
	}
	result := api.RemoveResult{Workspace: d.Workspace, DryRun: req.DryRun, Removed: []api.Snapshot{}}
	for _, s := range targets {
		result.Removed = append(result.Removed, head(s))
	}
	if req.DryRun {
		return result, nil
	}
	return result, a.delete(ctx, j, d.Workspace, snapshot.OpRemove, targets)
}

// removable finds what is to be deleted, and refuses what has to stay.
func (a *Agent) removable(ctx context.Context, d desk, req api.RemoveRequest) ([]snapshot.Snapshot, error) {
	all, err := a.store.Snapshots(ctx, d.ID)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	needs, err := a.needs(ctx, d.Workspace)
	if err != nil {
		return nil, err
	}
	var targets []snapshot.Snapshot
	for _, ref := range req.Snapshots {
		s, err := a.namedForGood(ctx, all, ref)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(targets, func(t snapshot.Snapshot) bool { return t.ID == s.ID }) {
			continue
		}
		if err := a.mayGo(s, needs[s.ID], req.Force); err != nil {
			return nil, err
		}
		targets = append(targets, s)
	}
	return targets, nil
}

// mayGo returns why a snapshot cannot be deleted, if so.
func (a *Agent) mayGo(s snapshot.Snapshot, n need, force bool) error {
	if other, ok := a.jobs.holder(s.ID); ok {
		return inUse(s, other)
	}
	switch {
	case s.Pinned:
		return stays(s, "it is pinned", "dogear note --unpin "+string(s.ID)+" takes the pin off")
	case n.why != "" && !(force && n.yours):
		return stays(s, n.why, n.way)
	}
	return nil
}

func stays(s snapshot.Snapshot, why, way string) error {
	return &api.Error{
		Code: api.CodeFailed, Message: fmt.Sprintf("%s stays: %s", describeSnapshot(s), why),
		State: "nothing was deleted", Hint: way,
	}
}

func inUse(s snapshot.Snapshot, by api.Job) error {
	e := busy(by)
	e.Message = fmt.Sprintf("%s is being read by dogear %s of %s (process %d)", describeSnapshot(s), by.Name, by.User, by.PID)
	e.State = "nothing was deleted"
	return e
}

// describeSnapshot says which snapshot is meant.
func describeSnapshot(s snapshot.Snapshot) string {
	words := []string{string(s.Reason)}
	for _, label := range []string{s.Ticket, s.Name, s.Note} {
		if label != "" {
			words = append(words, label)
		}
	}
	return fmt.Sprintf("snapshot %s (%s)", s.ID, strings.Join(words, ", "))
}

// idLength is that of a whole id.
const idLength = 26

// namedForGood finds a snapshot that is to be deleted. A time does not do:
// what is nearest to it may not be what is meant. A whole id also names a
// snapshot that is too damaged to be listed.
func (a *Agent) namedForGood(ctx context.Context, all []snapshot.Snapshot, ref string) (snapshot.Snapshot, error) {
	if s, ok, err := resolveExactly(all, ref); ok {
		return s, err
	}
	none := snapshot.Snapshot{}
	if _, ok := parseWhen(ref, a.Now()); ok {
		return none, &api.Error{
			Code: api.CodeUsage, Message: fmt.Sprintf("%q is a time: the snapshot nearest to it may not be the one that is meant", ref),
			State: "nothing was deleted", Hint: "name it by its id or name; dogear list shows them",
		}
	}
	if len(ref) != idLength {
		return none, unknown(all, ref)
	}
	listed, err := a.store.Snapshot(ctx, snapshot.ID(ref))
	switch {
	case err == nil:
		return none, notFound(fmt.Sprintf("snapshot %s is one of another workspace: %s", ref, listed.Workspace.Root))
	case errors.Is(err, store.ErrNotFound):
		return snapshot.Snapshot{ID: snapshot.ID(ref)}, nil
	}
	return none, err
}

// delete deletes snapshots of a workspace, and logs it.
func (a *Agent) delete(ctx context.Context, j *job, ws snapshot.Workspace, op snapshot.Operation, list []snapshot.Snapshot) error {
	ids := make([]snapshot.ID, 0, len(list))
	for _, s := range list {
		ids = append(ids, s.ID)
	}
	err := a.store.Delete(ctx, ids...)
	if errors.Is(err, store.ErrNotFound) {
		return notFound(err.Error())
	}
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := a.log(ctx, ws, j, snapshot.Event{Operation: op, Snapshot: s.ID, Note: s.Note, Outcome: outcomeDone}); err != nil {
			return err
		}
	}
	return nil
}
