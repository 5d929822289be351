package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
		return snapshot.Snapshot{}, err
	}
	a.jobs.hold(j, s.ID)
	return s, nil
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
