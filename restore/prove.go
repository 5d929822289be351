package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dogear/kind"
	"dogear/snapshot"
)

// prove compares the facts of the running workspace with the target's and
// writes the receipt. Where nothing runs the look that was taken at rest will
// do.
func (r *run) prove(ctx context.Context, resting *desk, atRest Report, keeps kept) (snapshot.Receipt, error) {
	var restAfter Report
	after, err := resting, error(nil)
	if resting.runs() || len(keeps) > 0 {
		if after, err = r.look(ctx); err != nil {
			return snapshot.Receipt{}, err
		}
		// What has started writes.
		if restAfter, err = after.collect(ctx, after.compareRest); err != nil {
			return snapshot.Receipt{}, err
		}
	}
	running, err := after.verify(ctx)
	if err != nil {
		return snapshot.Receipt{}, err
	}
	running.Differences = slices.DeleteFunc(running.Differences, keeps.covers)
	changed := keeps.without(without(restAfter.Differences, atRest.Differences))
	shifted, err := after.shifted(ctx)
	if err != nil {
		return snapshot.Receipt{}, err
	}
	changed = append(changed, shifted...)
	return r.receipt(atRest, running, changed, keeps), nil
}

// shifted lists what every start chooses anew.
func (d *desk) shifted(ctx context.Context) ([]snapshot.Difference, error) {
	var all []snapshot.Difference
	for _, p := range d.target.Parts {
		driver, ok := d.drivers[p.ID.Kind].(kind.Shifter)
		if !ok {
			continue
		}
		shifts, err := driver.Shifted(ctx, d.ws, p.Part, d.source)
		if err != nil && !errors.Is(err, kind.ErrGone) {
			return nil, fmt.Errorf("%s: %w", p.ID, err)
		}
		for _, s := range shifts {
			all = append(all, snapshot.Difference{Part: p.ID, Fact: s.What, Want: s.Was, Have: s.Is, Half: snapshot.Running})
		}
	}
	return all, nil
}

// receipt writes down what was proven.
func (r *run) receipt(atRest, running Report, changedAfterStart []snapshot.Difference, keeps kept) snapshot.Receipt {
	receipt := snapshot.Receipt{
		ID: string(r.req.NewID()), Snapshot: r.req.Target.ID, Safety: r.safety.ID,
		Workspace: r.req.Target.Workspace, Created: r.req.Now(),
		Differences:       append(atRest.Differences, running.Differences...),
		NotComparable:     append(atRest.NotComparable, running.NotComparable...),
		ChangedAfterStart: changedAfterStart,
		Kept:              keeps.list(),
		Want:              r.desk.target.state(),
		Have:              running.State,
		Streamed:          r.req.Workspace.Traffic.Restored(),
		Parts:             r.partReceipts(atRest, running),
	}
	receipt.Identical = len(receipt.Differences) == 0
	return neverNil(receipt)
}

// runs reports whether there is anything that runs and so may write: now, or
// in the target.
func (d *desk) runs() bool {
	for id := range d.live {
		if _, ok := d.drivers[id.Kind].(kind.Stopper); ok {
			return true
		}
	}
	return slices.ContainsFunc(d.target.Parts, func(p snapshot.Part) bool {
		_, ok := d.drivers[p.ID.Kind].(kind.Stopper)
		return ok
	})
}

// without lists those differences that are not among others.
func without(ds, others []snapshot.Difference) []snapshot.Difference {
	known := make(map[snapshot.Difference]bool, len(others))
	for _, o := range others {
		known[o] = true
	}
	return slices.DeleteFunc(ds, func(d snapshot.Difference) bool { return known[d] })
}

// covers reports whether a difference is due to something that was kept.
func (k kept) covers(d snapshot.Difference) bool {
	return slices.ContainsFunc(k[d.Part], func(thing kind.Kept) bool {
		return slices.ContainsFunc(thing.Facts, func(name string) bool { return kind.Printable(name) == d.Fact })
	})
}

// without leaves out the parts in which something was kept: their bytes are
// not those of the target.
func (k kept) without(ds []snapshot.Difference) []snapshot.Difference {
	return slices.DeleteFunc(ds, func(d snapshot.Difference) bool {
		return slices.ContainsFunc(k[d.Part], func(thing kind.Kept) bool { return !thing.NotKept })
	})
}

func (k kept) list() []snapshot.Kept {
	var out []snapshot.Kept
	for id, things := range k {
		for _, thing := range things {
			out = append(out, snapshot.Kept{Part: id, What: thing.What, OnlyInSafety: thing.NotKept})
		}
	}
	slices.SortFunc(out, func(a, b snapshot.Kept) int {
		if c := a.Part.Compare(b.Part); c != 0 {
			return c
		}
		return kind.CompareNames(a.What, b.What)
	})
	return out
}

func (r *run) partReceipts(atRest, running Report) []snapshot.PartReceipt {
	out := []snapshot.PartReceipt{}
	for _, s := range r.plan.Steps {
		p := snapshot.PartReceipt{Part: s.Part, Method: string(s.Action), Bytes: s.Bytes, Read: "stat"}
		if s.touches() {
			p.Read = "read"
		}
		if s.Action != kind.ActionRemove {
			p.Running = verdict(running, s.Part)
		}
		if _, resting := r.desk.drivers[s.Part.Kind].(kind.Resting); resting && s.Action != kind.ActionRemove {
			p.AtRest = verdict(atRest, s.Part)
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b snapshot.PartReceipt) int { return a.Part.Compare(b.Part) })
	return out
}

func verdict(r Report, id kind.ID) string {
	switch {
	case slices.ContainsFunc(r.Differences, func(d snapshot.Difference) bool { return d.Part == id }):
		return "different"
	case slices.ContainsFunc(r.NotComparable, func(g kind.Gap) bool { return g.Part == id }):
		return "not comparable"
	}
	return "identical"
}

// neverNil makes empty lists empty lists in JSON too.
func neverNil(r snapshot.Receipt) snapshot.Receipt {
	if r.Differences == nil {
		r.Differences = []snapshot.Difference{}
	}
	if r.NotComparable == nil {
		r.NotComparable = []kind.Gap{}
	}
	if r.ChangedAfterStart == nil {
		r.ChangedAfterStart = []snapshot.Difference{}
	}
	if r.Kept == nil {
		r.Kept = []snapshot.Kept{}
	}
	return r
}
