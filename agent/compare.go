package agent

import (
	"context"
	"fmt"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/restore"
	"dogear/snapshot"
)

// latest is what a comparison is with, unless something else is named.
const latest = "latest"

// compare compares the live workspace with a snapshot.
func (a *Agent) compare(ctx context.Context, j *job, req api.CompareRequest) (api.CompareResult, error) {
	d, err := a.take(ctx, j, req.Workspace)
	if err != nil {
		return api.CompareResult{}, err
	}
	s, err := a.resolve(ctx, j, d, orLatest(req.Snapshot))
	if err != nil {
		return api.CompareResult{}, err
	}
	if _, err := a.requireEngines(ctx, d, s.Parts); err != nil {
		return api.CompareResult{}, err
	}
	defer a.store.Hold(s.ID)()
	j.report("comparing with snapshot " + string(s.ID))
	report, err := restore.Verify(ctx, a.Drivers, d.kind, &s, a.store)
	if err != nil {
		return api.CompareResult{}, err
	}
	return api.CompareResult{
		Snapshot: head(s), Workspace: d.Workspace, Identical: report.Identical(),
		Differences: some(report.Differences), NotComparable: some(report.NotComparable),
	}, nil
}

// diff lists what changed from one snapshot to another, or to the live
// workspace.
func (a *Agent) diff(ctx context.Context, j *job, req api.DiffRequest) (api.DiffResult, error) {
	if req.B == "" {
		return a.diffLive(ctx, j, req)
	}
	d, err := a.open(ctx, req.Workspace)
	if err != nil {
		return api.DiffResult{}, err
	}
	from, err := a.resolve(ctx, j, d, orLatest(req.A))
	if err != nil {
		return api.DiffResult{}, err
	}
	to, err := a.resolve(ctx, j, d, req.B)
	if err != nil {
		return api.DiffResult{}, err
	}
	defer a.store.Hold(from.ID)()
	defer a.store.Hold(to.ID)()
	changes := []api.Difference{}
	read := func(f snapshot.FactSet) kind.Facts { return snapshot.ReadFacts(ctx, a.store, f) }
	for change, err := range snapshot.Changes(&from, &to, read) {
		if err != nil {
			return api.DiffResult{}, fmt.Errorf("compare %s with %s: %w", from.ID, to.ID, err)
		}
		changes = append(changes, change)
	}
	explanations, err := a.explain(ctx, d, req, &from, &to, changes)
	if err != nil {
		return api.DiffResult{}, err
	}
	b := head(to)
	return api.DiffResult{
		Workspace: d.Workspace, A: head(from), B: &b, Changes: changes, Explanations: explanations, NotComparable: []api.Gap{},
	}, nil
}

func (a *Agent) diffLive(ctx context.Context, j *job, req api.DiffRequest) (api.DiffResult, error) {
	c, err := a.compare(ctx, j, api.CompareRequest{Workspace: req.Workspace, Snapshot: req.A})
	if err != nil {
		return api.DiffResult{}, err
	}
	result := api.DiffResult{Workspace: c.Workspace, A: c.Snapshot, Changes: c.Differences, NotComparable: c.NotComparable}
	if !req.Explain || len(result.Changes) == 0 {
		return result, nil
	}
	d, err := a.open(ctx, req.Workspace)
	if err != nil {
		return api.DiffResult{}, err
	}
	from, err := a.snapshot(ctx, c.Snapshot.ID)
	if err != nil {
		return api.DiffResult{}, err
	}
	defer a.store.Hold(from.ID)()
	result.Explanations, err = a.explain(ctx, d, req, &from, nil, result.Changes)
	return result, err
}

func orLatest(ref string) string {
	if ref == "" {
		return latest
	}
	return ref
}

// some makes an empty list of a nil one: in JSON it is [] and not null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
