package restore

import (
	"context"
	"slices"
)

// confirm proves, in the look that the plan was made in, that the workspace is
// the target already. Then nothing is touched, and the target itself is the
// state before. It reports false, and has done nothing, where anything differs
// or runs, or only some of the target is asked for: that goes the long way.
func (r *run) confirm(ctx context.Context) (Outcome, bool, error) {
	whole := r.req.Select.Only == nil && r.req.Select.Except == nil
	if !whole || slices.ContainsFunc(r.plan.Steps, Step.touches) || r.desk.runs() {
		return Outcome{}, false, nil
	}
	r.req.progress("comparing every byte")
	atRest, err := r.desk.collect(ctx, r.desk.compareRest)
	if err != nil {
		return Outcome{}, false, err
	}
	running, err := r.desk.verify(ctx)
	if err != nil || !provesAll(atRest) || !provesAll(running) {
		return Outcome{}, false, err
	}
	r.safety.ID = r.req.Target.ID
	receipt := r.receipt(atRest, running, nil, nil)
	receipt.Timings.TotalMS = r.sinceBegin()
	receipt.Timings.HealthyMS = receipt.Timings.TotalMS
	outcome := Outcome{Receipt: receipt}
	if r.req.Done != nil {
		err = r.req.Done(outcome)
	}
	return outcome, true, err
}

// provesAll reports whether everything was compared and nothing differs.
func provesAll(r Report) bool { return r.Identical() && len(r.NotComparable) == 0 }
