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

// resolve finds the snapshot of this workspace that a reference means, and
// keeps it from being deleted until the job ends.
func (a *Agent) resolve(ctx context.Context, j *job, d desk, ref string) (snapshot.Snapshot, error) {
	a.curating.Lock()
	defer a.curating.Unlock()
	all, err := a.store.Snapshots(ctx, d.ID)
	if err != nil {
		return snapshot.Snapshot{}, fmt.Errorf("list snapshots: %w", err)
	}
	s, err := resolve(all, ref, a.Now())
	if err != nil {
		return snapshot.Snapshot{}, a.orOfAnother(ctx, d, ref, err)
	}
	a.jobs.hold(j, s.ID)
	return s, nil
}

// minForeign is how many characters of an id are no accident.
const minForeign = 6

// orOfAnother says of a snapshot that there is, but of another workspace, where
// it can be restored.
func (a *Agent) orOfAnother(ctx context.Context, d desk, ref string, unknown error) error {
	everyone, err := a.store.Snapshots(ctx, "")
	if err != nil || len(ref) < minForeign {
		return unknown
	}
	for _, s := range everyone {
		if s.Workspace.ID != d.ID && strings.HasPrefix(string(s.ID), strings.ToLower(ref)) {
			return &api.Error{
				Code: api.CodeNotFound, State: "nothing has changed",
				Message: fmt.Sprintf("snapshot %s is of another workspace, %s, and its paths and containers are those of that", s.ID, s.Workspace.Root),
				Hint:    fmt.Sprintf("dogear restore %s -C %s brings it back there; with --to DIR it makes a copy of its files elsewhere", s.ID, s.Workspace.Root),
			}
		}
	}
	return unknown
}

// hold returns a snapshot that there has to be, and keeps it from being
// deleted until the job ends.
func (a *Agent) hold(ctx context.Context, j *job, id snapshot.ID) (snapshot.Snapshot, error) {
	a.curating.Lock()
	defer a.curating.Unlock()
	s, err := a.snapshot(ctx, id)
	if err != nil {
		return s, err
	}
	a.jobs.hold(j, s.ID)
	return s, nil
}

// snapshot returns a snapshot that there has to be.
func (a *Agent) snapshot(ctx context.Context, id snapshot.ID) (snapshot.Snapshot, error) {
	s, err := a.store.Snapshot(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return s, notFound(fmt.Sprintf("snapshot %s is no longer in the store", id))
	}
	return s, err
}

func (j *jobs) hold(mine *job, id snapshot.ID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	mine.held = append(mine.held, id)
}

// holder returns a job that reads the snapshot, if any does.
func (j *jobs) holder(id snapshot.ID) (api.Job, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, other := range j.running {
		if slices.Contains(other.held, id) {
			return other.Job, true
		}
	}
	return api.Job{}, false
}
