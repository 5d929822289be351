package agent

import (
	"context"
	"fmt"

	"dogear/agent/api"
	"dogear/snapshot"
	"dogear/store"
)

// prune deletes what the retention of each workspace does not keep, and then
// collects what no snapshot of any workspace needs. Other jobs go on
// meanwhile.
func (a *Agent) prune(ctx context.Context, j *job, req api.PruneRequest) (api.PruneResult, error) {
	result := api.PruneResult{Store: a.Dir, DryRun: req.DryRun, Removed: []api.Snapshot{}, Kept: []api.Kept{}}
	if err := a.waitHealed(ctx); err != nil {
		return result, err
	}
	desks := make([]desk, 0, len(req.Workspaces))
	for _, w := range req.Workspaces {
		d, err := a.open(ctx, w.Workspace)
		if err != nil {
			return result, err
		}
		desks = append(desks, d)
	}
	for i, d := range desks {
		j.report("looking through the snapshots of " + d.Root)
		if err := a.retain(ctx, j, d, req.Workspaces[i].Retention, &result); err != nil {
			return result, err
		}
	}
	if len(desks) == 1 && !req.DryRun {
		if err := a.releaseKept(ctx, j, desks[0]); err != nil {
			return result, err
		}
	}
	j.report("collecting what no snapshot needs")
	report, err := a.store.Prune(ctx, store.PruneOptions{DryRun: req.DryRun})
	if err != nil {
		return result, fmt.Errorf("collect what no snapshot needs: %w", err)
	}
	result.Chunks, result.Freed, result.Problems = report.Chunks, report.Freed, problems(report.Problems)
	result.Packs = api.PackCount{Removed: report.Removed, Rewritten: report.Rewritten, Kept: report.Kept}
	return result, nil
}

// retain applies a retention to one workspace.
func (a *Agent) retain(ctx context.Context, j *job, d desk, r snapshot.Retention, result *api.PruneResult) error {
	a.curating.Lock()
	defer a.curating.Unlock()
	all, err := a.store.Snapshots(ctx, d.ID)
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	needed, err := a.reasons(ctx, d, all)
	if err != nil {
		return err
	}
	var gone []snapshot.Snapshot
	for _, v := range r.Decide(all, needed, a.Now()) {
		if v.Kept() {
			result.Kept = append(result.Kept, api.Kept{Snapshot: head(v.Snapshot), Why: v.Why})
			continue
		}
		gone = append(gone, v.Snapshot)
		result.Removed = append(result.Removed, head(v.Snapshot))
	}
	if result.DryRun {
		return nil
	}
	if len(gone) == 0 {
		return nil
	}
	return a.delete(ctx, j, d.Workspace, snapshot.OpPrune, gone)
}

// reasons says of each snapshot that something relies on what that is.
func (a *Agent) reasons(ctx context.Context, d desk, all []snapshot.Snapshot) (map[snapshot.ID]string, error) {
	needs, err := a.needs(ctx, d.Workspace)
	if err != nil {
		return nil, err
	}
	out := make(map[snapshot.ID]string, len(needs))
	for id, n := range needs {
		out[id] = n.why
	}
	for _, s := range all {
		if job, ok := a.jobs.holder(s.ID); ok {
			out[s.ID] = fmt.Sprintf("dogear %s (process %d) is reading it", job.Name, job.PID)
		}
	}
	return out, nil
}

// workspaces lists the workspaces that have snapshots.
func (a *Agent) workspaces(ctx context.Context, _ *job, _ struct{}) ([]snapshot.Workspace, error) {
	list, err := a.store.Workspaces(ctx)
	if err != nil {
		return nil, fmt.Errorf("list workspaces: %w", err)
	}
	return some(list), nil
}
