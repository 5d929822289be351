package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/snapshot"
)

// explain has drivers say what lies behind changes. to is nil for the live
// state.
func (a *Agent) explain(ctx context.Context, d desk, req api.DiffRequest, from, to *snapshot.Snapshot, changes []api.Difference) ([]api.Explanation, error) {
	if !req.Explain {
		return nil, nil
	}
	var live []kind.Item
	if to == nil {
		var err error
		if live, err = snapshot.Find(ctx, a.Drivers, d.kind); err != nil {
			return nil, err
		}
	}
	drivers := snapshot.ByKind(a.Drivers)
	how := kind.Explaining{Details: req.Details, Values: req.Values}
	all := []api.Explanation{}
	for _, id := range changedParts(changes) {
		driver, ok := drivers[id.Kind].(kind.Explainer)
		before, there := from.Part(id)
		after, still := a.stateOf(id, to, live)
		if !ok || !there || !still {
			continue
		}
		for e, err := range driver.Explain(ctx, d.kind, kind.State{Part: before.Part, Source: a.store}, after, how) {
			if errors.Is(err, kind.ErrNotRunning) || errors.Is(err, kind.ErrGone) {
				break // it is among what is not comparable
			}
			if err != nil {
				return nil, fmt.Errorf("%s: look for what changed: %w", id, err)
			}
			e.Part = id
			all = append(all, e)
		}
	}
	return all, nil
}

// stateOf is the state of an item in a snapshot, or live.
func (a *Agent) stateOf(id kind.ID, s *snapshot.Snapshot, live []kind.Item) (kind.State, bool) {
	if s != nil {
		p, ok := s.Part(id)
		return kind.State{Part: p.Part, Source: a.store}, ok
	}
	for _, it := range live {
		if it.ID == id {
			return kind.State{Part: kind.Part{ID: id, Root: it.Root, Needs: it.Needs, RunsIn: it.RunsIn, Claims: it.Claims, Nested: it.Nested, Claimed: it.Claimed}}, true
		}
	}
	return kind.State{}, false
}

func changedParts(changes []api.Difference) []kind.ID {
	var ids []kind.ID
	for _, c := range changes {
		if !slices.Contains(ids, c.Part) {
			ids = append(ids, c.Part)
		}
	}
	return ids
}
