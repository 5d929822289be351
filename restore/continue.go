package restore

import (
	"context"
	"fmt"
	"slices"

	"dogear/kind"
	"dogear/snapshot"
)

// Continue goes on with a restore that was interrupted, from its journal: every
// step can run twice, and what one had begun is not asked any more whether it
// is as it was saved. It ends as Run does.
func Continue(ctx context.Context, req Request, j *Journal, safety snapshot.Snapshot) (Outcome, error) {
	r := &run{req: req, began: req.Now(), looks: make(map[kind.ID]*kind.Workspace), plan: j.Plan, safety: safety, j: j, begun: slices.Clone(j.Begun)}
	r.keepUnderItsName()
	outcome, err := r.goOn(ctx)
	return r.conclude(ctx, outcome, err)
}

func (r *run) goOn(ctx context.Context) (Outcome, error) {
	r.req.progress("going on with the restore of snapshot %s", r.req.Target.ID)
	var err error
	if r.desk, err = r.look(ctx); err != nil {
		return Outcome{}, err
	}
	if r.stoppedAt = r.j.Stopped; !r.stoppedAt.IsZero() {
		r.began = r.stoppedAt // at the latest
	}
	if err := r.stopAgain(ctx); err != nil {
		return Outcome{}, err
	}
	lost := append(slices.Clone(r.stopped), r.desk.gone(r.begun)...)
	if err := regain(ctx, r.req.Drivers, r.req.Workspace, &r.safety, r.req.Source, lost); err != nil {
		return Outcome{}, err
	}
	if r.desk, err = r.look(ctx); err != nil {
		return Outcome{}, err
	}
	return r.apply(ctx)
}

// stopAgain stops what the restore had stopped, and may have started again
// before it was interrupted.
func (r *run) stopAgain(ctx context.Context) error {
	steps := r.plan.Steps
	for _, id := range r.begun {
		steps = append(slices.Clip(steps), Step{Part: id, Change: kind.Change{Action: kind.ActionPatch}})
	}
	r.stopped = slices.Clone(r.plan.Stop)
	levels := snapshot.Levels(r.desk.affected(steps), r.desk.needs)
	slices.Reverse(levels)
	for _, id := range slices.Concat(levels...) {
		if err := r.req.Guard.WillStop(id); err != nil {
			return err
		}
		ran, err := r.desk.drivers[id.Kind].(kind.Stopper).Stop(ctx, r.req.Workspace, id)
		if err != nil {
			return fmt.Errorf("stop %s: %w", id, err)
		}
		if ran && r.stoppedAt.IsZero() {
			r.stoppedAt = r.began
		}
		if !slices.Contains(r.stopped, id) {
			r.stopped = append(r.stopped, id)
		}
	}
	return nil
}
