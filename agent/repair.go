package agent

import (
	"context"
	"errors"

	"dogear/agent/api"
	"dogear/store"
)

// Repair rebuilds the catalog of the store in options.Dir from its other
// files, while nobody has it open.
func Repair(ctx context.Context, options Options) (api.RepairResult, error) {
	report, err := store.Repair(ctx, options.Dir, store.Options{Now: options.Now, Command: options.Command})
	if errors.Is(err, store.ErrLocked) {
		return api.RepairResult{}, StoreInUse(err, "repair needs the store for itself: wait for that process, or end it")
	}
	if errors.Is(err, store.ErrDamaged) {
		return api.RepairResult{}, &api.Error{
			Code: api.CodeDamaged, Message: err.Error(), State: "packs and records are as they were",
			Hint: "this cannot be made again; bring the file back from a copy of the store",
		}
	}
	if err != nil {
		return api.RepairResult{}, cannotOpen(err)
	}
	return api.RepairResult{
		Store: options.Dir, Packs: report.Packs, Chunks: report.Chunks,
		Snapshots: report.Snapshots, Receipts: report.Receipts, Events: report.Events,
		Damaged: damaged(report.Damaged), Rewritten: some(report.Rewritten), SetAside: report.SetAside,
	}, nil
}

// damaged are problems that repair could not mend.
func damaged(list []store.Problem) []api.Problem {
	out := problems(list)
	for i := range out {
		out[i].Hint = "it is left where it is; bring it back from a copy of the store if there is one"
	}
	return out
}
