package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dogear/kind"
)

// applyWorkers is how many items are restored at once.
const applyWorkers = 2

// apply carries out the plan and proves the result.
func (r *run) apply(ctx context.Context) (Outcome, error) {
	if err := r.desk.holdBack(ctx, r.plan.Quiet); err != nil {
		return Outcome{}, err
	}
	if err := r.setAside(ctx); err != nil {
		return Outcome{}, err
	}
	r.req.progress("restoring")
	if err := r.converge(ctx); err != nil {
		return Outcome{}, err
	}
	r.req.progress("comparing every byte")
	resting, err := r.lookAtRest(ctx)
	if err != nil {
		return Outcome{}, err
	}
	atRest, err := resting.collect(ctx, resting.compareRest)
	if err != nil {
		return Outcome{}, err
	}
	kept, err := r.putBack(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if err := r.desk.assertStill(ctx, r.still()); err != nil {
		return Outcome{}, err
	}
	r.req.progress("starting")
	timings, unhealthy, err := r.start(ctx)
	if err != nil {
		return Outcome{}, err
	}
	r.req.progress("comparing every fact")
	receipt, err := r.prove(ctx, resting, atRest, kept)
	if err != nil {
		return Outcome{}, err
	}
	receipt.Timings = timings
	receipt.Timings.TotalMS = r.sinceBegin()
	return Outcome{Receipt: receipt, Unhealthy: unhealthy}, nil
}

// look looks at the workspace anew.
func (r *run) look(ctx context.Context) (*desk, error) {
	d, err := look(ctx, r.req.Drivers, r.req.Workspace, r.req.selected(), r.req.Source)
	if err == nil {
		d.remotely = r.req.Remotely
	}
	return d, err
}

// lookAtRest is look once everything is as it has to be, and nothing runs.
// Where nothing came or went, and things do run otherwise, the items that there
// are need not be looked for: servers that are down could tell nothing new, and
// all is looked for again when they run.
func (r *run) lookAtRest(ctx context.Context) (*desk, error) {
	if r.taken == nil || !r.desk.runs() || slices.ContainsFunc(r.plan.Steps, Step.comesOrGoes) {
		return r.look(ctx)
	}
	d := *r.desk
	d.ws = r.req.Workspace.Look()
	return &d, nil
}

// converge removes what the target does not have and restores what differs,
// and also what belongs to a container that was stopped: it wrote until then.
func (r *run) converge(ctx context.Context) error {
	for _, id := range r.desk.ids() {
		if r.holdsOthers(id) && r.isDue(id) {
			r.looks[id] = r.req.Workspace.Look()
			if err := r.assertAsSaved(ctx, r.looks[id], id); err != nil {
				return err
			}
		}
	}
	for _, s := range r.plan.Steps {
		if s.Action == kind.ActionRemove {
			if err := r.removeItem(ctx, s.Part); err != nil {
				return fmt.Errorf("remove %s: %w", s.Part, err)
			}
		}
	}
	for _, level := range r.desk.levels() {
		if err := inParallel(ctx, applyWorkers, level, r.restoreItem); err != nil {
			return err
		}
	}
	clear(r.looks) // they are large
	return nil
}

func (r *run) removeItem(ctx context.Context, id kind.ID) error {
	_, live := r.desk.live[id]
	follower, follows := r.desk.drivers[id.Kind].(kind.Follower)
	if !live && !follows {
		return nil // that was done before it was interrupted
	}
	if err := r.assertAsSaved(ctx, r.req.Workspace, id); err != nil {
		return err
	}
	if err := r.begin(id); err != nil {
		return err
	}
	if !live { // what used it was removed before it was interrupted, or both were
		return follower.RemoveNamed(ctx, r.req.Workspace, id)
	}
	return r.desk.drivers[id.Kind].(kind.Remover).Remove(ctx, r.req.Workspace, r.desk.live[id])
}

func (r *run) restoreItem(ctx context.Context, id kind.ID) error {
	if !r.isDue(id) {
		return nil
	}
	// What is corrected is what was found to be as it was saved. A tree in which
	// others come or go meanwhile is another one, and walked anew.
	ws := r.looks[id]
	if ws == nil {
		ws = r.req.Workspace.Look()
	}
	if !r.holdsOthers(id) {
		if err := r.assertAsSaved(ctx, ws, id); err != nil {
			return err
		}
	}
	if err := r.begin(id); err != nil {
		return err
	}
	if err := r.desk.drivers[id.Kind].Restore(ctx, ws, r.desk.parts[id].Part, r.req.Source); err != nil {
		return fmt.Errorf("restore %s: %w", id, err)
	}
	return nil
}

// holdsOthers reports whether other items lie in the tree of an item. They are
// restored before it, which touches its directories, so it is compared with
// the safety snapshot before all of them.
func (r *run) holdsOthers(id kind.ID) bool {
	saved, _ := r.safety.Part(id)
	return len(saved.Nested) > 0 || len(r.desk.parts[id].Nested) > 0
}

// isDue reports whether an item has to be restored: it differed when the plan
// was made, or something that has been stopped since may have written to it, and
// the safety snapshot, taken after that, is not what it has to become.
func (r *run) isDue(id kind.ID) bool {
	step, _ := r.plan.Step(id)
	if step.touches() {
		return true
	}
	if r.isSavedAsTarget(id) {
		return false
	}
	if _, resting := r.desk.drivers[id.Kind].(kind.Resting); !resting {
		return false
	}
	if r.taken == nil {
		return true // who used it may be gone by now
	}
	return slices.ContainsFunc(r.plan.Quiet, func(s kind.ID) bool {
		return s == id || slices.Contains(r.desk.live[s].Needs, id)
	})
}

// isSavedAsTarget reports whether the safety snapshot has of an item just what
// the target has. What runs is corrected all the same: it is to be held still.
func (r *run) isSavedAsTarget(id kind.ID) bool {
	saved, ok := r.safety.Part(id)
	if _, runs := r.desk.drivers[id.Kind].(kind.Stopper); runs || !ok || r.taken == nil {
		return false
	}
	want := r.desk.parts[id]
	return want.Inside == nil && saved.Root == want.Root && slices.Equal(saved.Nested, want.Nested) &&
		slices.EqualFunc(saved.Objects, want.Objects, sameObject)
}

func sameObject(a, b kind.Object) bool {
	return a.Name == b.Name && a.Size == b.Size && a.Listed == b.Listed && slices.Equal(a.Chunks, b.Chunks)
}

// errMovedOn ends a restore that would destroy what nobody has captured.
var errMovedOn = errors.New("it was changed after the safety snapshot was taken; nothing of it was touched. Close what writes to it and try again")

// assertAsSaved makes sure that an item still is what the safety snapshot
// says, so that nothing is overwritten that was not captured.
func (r *run) assertAsSaved(ctx context.Context, ws *kind.Workspace, id kind.ID) error {
	saved, ok := r.safety.Part(id)
	previewer, can := r.desk.drivers[id.Kind].(kind.Previewer)
	if !ok || !can || r.desk.exchanges(id) || slices.Contains(r.begun, id) {
		return nil
	}
	part := saved.Part
	part.Inside = r.desk.parts[id].Inside
	change, err := previewer.Preview(ctx, ws, part, r.req.Source)
	if err != nil {
		return fmt.Errorf("compare %s with the safety snapshot: %w", id, err)
	}
	if change.Action != kind.ActionNone {
		return fmt.Errorf("%s: %w", id, errMovedOn)
	}
	return nil
}

// begin records in the journal that an item is about to be touched.
func (r *run) begin(id kind.ID) error {
	r.journalMu.Lock()
	defer r.journalMu.Unlock()
	return r.j.begin(id)
}

// keepsake is work done meanwhile, taken aside.
type keepsake struct {
	part kind.ID
	kind.Keepsake
}

func (r *run) setAside(ctx context.Context) error {
	if !r.req.Keep {
		return nil
	}
	for _, p := range r.desk.target.Parts {
		keeper, ok := r.desk.drivers[p.ID.Kind].(kind.Keeper)
		if _, live := r.desk.live[p.ID]; !ok || !live {
			continue
		}
		k, err := keeper.Keep(ctx, r.req.Workspace, p.Part, r.req.Source, r.req.Label)
		if err != nil {
			return fmt.Errorf("keep what was made in %s: %w", p.ID, err)
		}
		if k != nil {
			r.keep = append(r.keep, keepsake{part: p.ID, Keepsake: k})
		}
	}
	return nil
}

// kept is what was put back, by part.
type kept map[kind.ID][]kind.Kept

func (r *run) putBack(ctx context.Context) (kept, error) {
	all := make(kept)
	for _, k := range r.keep {
		things, err := k.PutBack(ctx)
		if err != nil {
			return nil, fmt.Errorf("put back what was made in %s: %w", k.part, err)
		}
		all[k.part] = things
	}
	if r.req.Keep {
		r.nameRemoved(all)
	}
	return all, nil
}

// nameRemoved names the items that were made since, and are gone again.
func (r *run) nameRemoved(all kept) {
	for _, s := range r.plan.Steps {
		if s.Action == kind.ActionRemove {
			all[s.Part] = append(all[s.Part], kind.Kept{What: "all of it, made since", NotKept: true})
		}
	}
}

// closeKeepsakes drops what was taken aside. It is in the workspace again, or
// in the safety snapshot.
func (r *run) closeKeepsakes() {
	for _, k := range r.keep {
		if err := k.Close(); err != nil {
			r.req.progress("%s: %v", k.part, err)
		}
	}
}
