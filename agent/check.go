package agent

import (
	"context"

	"dogear/agent/api"
	"dogear/store"
)

// repairHint is what to do about everything that is wrong with a store.
const repairHint = "dogear repair puts in order what can be"

// check looks for damage in the store. Other jobs go on meanwhile.
func (a *Agent) check(ctx context.Context, j *job, req api.CheckRequest) (api.CheckResult, error) {
	j.report("checking the store")
	report, err := a.store.Check(ctx, req.ReadData)
	if err != nil {
		return api.CheckResult{}, err
	}
	return api.CheckResult{
		Store: a.Dir, ReadData: req.ReadData, Whole: report.Whole(),
		Snapshots: report.Snapshots, Packs: report.Packs, Chunks: report.Chunks, Bytes: report.Bytes,
		Problems: problems(report.Problems),
	}, nil
}

func problems(list []store.Problem) []api.Problem {
	out := make([]api.Problem, 0, len(list))
	for _, p := range list {
		out = append(out, api.Problem{Where: p.Where, What: p.What, Hint: repairHint})
	}
	return out
}
