package agent

import (
	"context"
	"fmt"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/snapshot"
)

// requireEngines returns an error if the given parts are of a kind whose
// engine is not there: without it the workspace would look as if it had none
// of them. Of other kinds it returns what is missing.
func (a *Agent) requireEngines(ctx context.Context, d desk, parts []snapshot.Part) ([]kind.Gap, error) {
	used := make(map[string]kind.ID)
	for _, p := range parts {
		used[p.ID.Kind] = p.ID
	}
	var gaps []kind.Gap
	for _, driver := range a.Drivers {
		examiner, ok := driver.(kind.Examiner)
		if !ok {
			continue
		}
		finding := examiner.Examine(ctx, d.kind)
		if !finding.Missing {
			continue
		}
		if id, ok := used[driver.Kind()]; ok {
			return nil, missingEngine(d, id, finding)
		}
		every := kind.ID{Kind: driver.Kind(), Name: "*"}
		gaps = append(gaps, kind.Gap{Part: every, What: "all there may be, and what they use", Why: finding.Detail})
	}
	return gaps, nil
}

func missingEngine(d desk, id kind.ID, finding kind.Finding) error {
	return &api.Error{
		Code:    api.CodeNotFound,
		Message: fmt.Sprintf("%s; the workspace %s needs it for %s", finding.Detail, d.Root, id),
		State:   "nothing has changed", Hint: finding.Hint,
	}
}

// lastParts returns the parts of the last save or pause. A snapshot taken for
// safety says nothing here: part of a workspace may be restored without an
// engine.
func (a *Agent) lastParts(ctx context.Context, d desk) ([]snapshot.Part, error) {
	all, err := a.store.Snapshots(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	list := chosen(all)
	if len(list) == 0 {
		return nil, nil
	}
	return list[0].Parts, nil
}
