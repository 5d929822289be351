package agent

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/dustin/go-humanize"

	"dogear/agent/api"
	"dogear/store"
)

// check looks for damage in the store. Other jobs go on meanwhile.
func (a *Agent) check(ctx context.Context, j *job, req api.CheckRequest) (api.CheckResult, error) {
	report, err := a.store.CheckTelling(ctx, req.ReadData, func(done, all int64) {
		j.report(fmt.Sprintf("checking the store: %s of %s", humanize.IBytes(uint64(done)), humanize.IBytes(uint64(all))))
	})
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
		out = append(out, api.Problem{Where: p.Where, What: p.What, Hint: mend(p.Where)})
	}
	return out
}

// mend says what to do about what is wrong at a place: a file, as it is called
// in the store, or a snapshot.
func mend(where string) string {
	id, ok := strings.CutPrefix(where, "snapshot ")
	if dir, file := path.Split(where); dir == "snapshots/" {
		id, ok = strings.CutSuffix(file, ".json")
	}
	switch {
	case ok:
		return "dogear repair mends what can be; dogear rm " + id + " deletes this snapshot and no other"
	case strings.HasPrefix(where, "packs/"):
		return "bring it back from a copy of the store if there is one; or dogear save: what the workspaces still have of it is stored anew, and dogear prune then removes the damaged copy"
	}
	return "dogear repair mends what can be"
}
