package agent

import (
	"context"
	"fmt"
	"os"

	"dogear/agent/api"
	"dogear/snapshot"
)

// list returns the workspace's snapshots, newest first.
func (a *Agent) list(ctx context.Context, j *job, req api.WorkspaceRequest) ([]api.SnapshotDetail, error) {
	d, err := a.view(ctx, j, req.Workspace)
	if err != nil {
		return nil, err
	}
	all, err := a.store.Snapshots(ctx, d.ID)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	out := make([]api.SnapshotDetail, 0, len(all))
	for _, s := range all {
		out = append(out, detail(s))
	}
	return out, nil
}

// show returns one snapshot.
func (a *Agent) show(ctx context.Context, j *job, req api.SnapshotRequest) (api.SnapshotDetail, error) {
	d, err := a.view(ctx, j, req.Workspace)
	if err != nil {
		return api.SnapshotDetail{}, err
	}
	s, err := a.resolve(ctx, j, d, orLatest(req.Snapshot))
	if err != nil {
		return api.SnapshotDetail{}, err
	}
	return detail(s), nil
}

// history returns what was done to the workspace, newest first, and notes what
// of the log was changed since it was written.
func (a *Agent) history(ctx context.Context, j *job, req api.WorkspaceRequest) ([]api.Event, error) {
	d, err := a.view(ctx, j, req.Workspace)
	if err != nil {
		return nil, err
	}
	events, err := a.store.Events(ctx, d.ID)
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	broken, err := a.store.Chain(ctx)
	if err != nil {
		return nil, fmt.Errorf("check log: %w", err)
	}
	for _, p := range broken {
		j.note("this log cannot be trusted: %s: %s", p.Where, p.What)
	}
	return some(events), nil
}

// find returns what there is in the workspace.
func (a *Agent) find(ctx context.Context, _ *job, req api.WorkspaceRequest) (api.FindResult, error) {
	d, err := a.open(ctx, req.Workspace)
	if err != nil {
		return api.FindResult{}, err
	}
	items, err := snapshot.Find(ctx, a.Drivers, d.kind)
	if err != nil {
		return api.FindResult{}, err
	}
	result := api.FindResult{Workspace: d.Workspace, Items: make([]api.Item, 0, len(items))}
	for _, it := range items {
		result.Items = append(result.Items, api.Item{ID: it.ID, Root: it.Root, Needs: it.Needs, RunsIn: it.RunsIn})
	}
	return result, nil
}

// status describes the agent.
func (a *Agent) status(_ context.Context, j *job, _ struct{}) (api.AgentStatus, error) {
	return api.AgentStatus{
		Running: true, PID: os.Getpid(), Store: a.Dir, Started: a.started, Resident: a.Resident, Jobs: a.jobs.list(j),
	}, nil
}

// cancel cancels a job.
func (a *Agent) cancel(_ context.Context, _ *job, req api.CancelRequest) (struct{}, error) {
	a.jobs.cancelJob(req.Job)
	return struct{}{}, nil
}

func head(s snapshot.Snapshot) api.Snapshot {
	return api.Snapshot{
		ID: s.ID, State: s.State, Reason: s.Reason, Workspace: s.Workspace, Created: s.Created, Instant: s.Instant,
		Note: s.Note, Ticket: s.Ticket, Name: s.Name, Author: s.Author, Pinned: s.Pinned, Before: s.Before, Consistency: s.Consistency,
	}
}

func contents(s snapshot.Snapshot) api.Contents {
	c := api.Contents{Timings: s.Timings, Bytes: s.Bytes, Delta: s.Delta, Parts: make([]api.Part, 0, len(s.Parts)), NotCaptured: some(s.NotCaptured)}
	for _, p := range s.Parts {
		c.Parts = append(c.Parts, api.Part{
			ID: p.ID, Needs: p.Needs, Consistency: p.Consistency, Fidelity: p.Fidelity,
			Facts: api.Facts{Count: p.Facts.Count, Digest: p.Facts.Digest}, Crumbs: p.Crumbs,
		})
	}
	return c
}

func detail(s snapshot.Snapshot) api.SnapshotDetail {
	return api.SnapshotDetail{Snapshot: head(s), Contents: contents(s)}
}
