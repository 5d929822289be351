package restore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"dogear/kind"
	"dogear/snapshot"
)

// Report says how the live workspace compares with a snapshot.
type Report struct {
	Differences   []snapshot.Difference
	NotComparable []kind.Gap
	// State is the state digest of the live workspace; empty if some item
	// could not be asked.
	State snapshot.Digest
}

// Identical reports whether nothing differs.
func (r Report) Identical() bool { return len(r.Differences) == 0 }

// Verify compares the facts of the live workspace with those of a snapshot.
// It changes nothing.
func Verify(ctx context.Context, drivers []kind.Driver, ws *kind.Workspace, s *snapshot.Snapshot, source kind.Source) (Report, error) {
	d, err := look(ctx, drivers, ws, wholly(s), source)
	if err != nil {
		return Report{}, err
	}
	return d.verify(ctx)
}

// verify compares facts.
func (d *desk) verify(ctx context.Context) (Report, error) {
	live := make(tally)
	report, err := d.collect(ctx, func(ctx context.Context, p snapshot.Part) iter.Seq2[snapshot.Difference, error] {
		return d.compareFacts(ctx, p, live.of(p.ID))
	})
	if err != nil {
		return Report{}, err
	}
	if err := d.nameNarrowed(ctx, &report); err != nil {
		return Report{}, err
	}
	if err := d.nameEnded(ctx, &report); err != nil {
		return Report{}, err
	}
	for _, id := range d.extra() {
		report.Differences = append(report.Differences, snapshot.Extra(id))
		if err := live.add(d.drivers[id.Kind].Inspect(ctx, d.ws, d.live[id]), id); err != nil {
			return Report{}, fmt.Errorf("look at %s: %w", id, err)
		}
	}
	if d.target.state() != "" { // or facts of what was not selected are among the live ones
		report.State = live.state()
	}
	sortDifferences(report.Differences)
	return report, nil
}

// tally collects the digests of live items.
type tally map[kind.ID]*snapshot.FactSet

func (t tally) of(id kind.ID) *snapshot.FactSet {
	set := &snapshot.FactSet{}
	t[id] = set
	return set
}

// add reads facts only to tally them.
func (t tally) add(facts kind.Facts, id kind.ID) error {
	for _, err := range snapshot.Tally(facts, t.of(id)) {
		if errors.Is(err, kind.ErrGone) || errors.Is(err, kind.ErrNotRunning) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t tally) state() snapshot.Digest {
	digests := make(map[kind.ID]snapshot.Digest, len(t))
	for id, set := range t {
		if set.Digest == "" {
			return ""
		}
		digests[id] = set.Digest
	}
	return snapshot.StateDigest(digests)
}

// extra lists live items that the snapshot does not have.
func (d *desk) extra() []kind.ID {
	var out []kind.ID
	for id, item := range d.live {
		if _, ok := d.parts[id]; !ok && !item.Apart && d.target.concerns(id) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, kind.ID.Compare)
	return out
}

// errNoFacts says that there is nothing to compare a live item with.
var errNoFacts = errors.New("it was captured while its server was not running")

// compareFacts yields the facts of the live item that differ from the part's,
// and tallies the live ones.
func (d *desk) compareFacts(ctx context.Context, p snapshot.Part, live *snapshot.FactSet) iter.Seq2[snapshot.Difference, error] {
	if p.Facts.Count == 0 {
		return func(yield func(snapshot.Difference, error) bool) { yield(snapshot.Difference{}, errNoFacts) }
	}
	have := func() kind.Facts {
		return snapshot.Tally(d.inspect(ctx, p), live)
	}
	return func(yield func(snapshot.Difference, error) bool) {
		// Where asking again costs little, the digest alone tells that nothing differs.
		if _, cheap := d.drivers[p.ID.Kind].(kind.Prover); cheap && sameDigest(have(), live, p.Facts.Digest) {
			return
		}
		want, _, err := d.due(ctx, p)
		if err != nil {
			yield(snapshot.Difference{}, err)
			return
		}
		d.narrowed(ctx, p, snapshot.Diff(p.ID, snapshot.Running, want, have()))(yield)
	}
}

// due returns the facts of a part that still hold if nobody has touched the
// item since, and says what has ended by itself.
func (d *desk) due(ctx context.Context, p snapshot.Part) (kind.Facts, []kind.Gap, error) {
	captured := snapshot.ReadFacts(ctx, d.source, p.Facts)
	driver, ok := d.drivers[p.ID.Kind].(kind.Perishable)
	if !ok || p.Facts.Count == 0 {
		return captured, nil, nil
	}
	return driver.Outlasting(ctx, d.ws, p.Part, d.source, captured)
}

// nameEnded says what has ended by itself since it was captured.
func (d *desk) nameEnded(ctx context.Context, report *Report) error {
	for _, p := range d.target.Parts {
		_, ended, err := d.due(ctx, p)
		if err != nil {
			return fmt.Errorf("compare %s: %w", p.ID, err)
		}
		report.NotComparable = append(report.NotComparable, ended...)
	}
	return nil
}

// nameNarrowed says what was left as it is, and not compared.
func (d *desk) nameNarrowed(ctx context.Context, report *Report) error {
	for _, p := range d.target.Parts {
		narrower, ok := d.drivers[p.ID.Kind].(kind.Narrower)
		if !ok {
			continue
		}
		left, err := narrower.Narrow(ctx, d.ws, p.Part, d.source)
		if err != nil {
			return fmt.Errorf("look at %s: %w", p.ID, err)
		}
		if left != nil {
			left.Gap.Part = p.ID
			report.NotComparable = append(report.NotComparable, left.Gap)
		}
	}
	return nil
}

// narrowed leaves out differences of what a driver leaves as it is.
func (d *desk) narrowed(ctx context.Context, p snapshot.Part, differences iter.Seq2[snapshot.Difference, error]) iter.Seq2[snapshot.Difference, error] {
	narrower, ok := d.drivers[p.ID.Kind].(kind.Narrower)
	if !ok {
		return differences
	}
	return func(yield func(snapshot.Difference, error) bool) {
		left, err := narrower.Narrow(ctx, d.ws, p.Part, d.source)
		if err != nil {
			yield(snapshot.Difference{}, err)
			return
		}
		if left != nil && left.All {
			return
		}
		for diff, err := range differences {
			if err == nil && left != nil && left.Leaves(diff.Fact) {
				continue
			}
			if !yield(diff, err) {
				return
			}
		}
	}
}

// sameDigest reads facts that are tallied and reports whether they have a
// digest.
func sameDigest(facts kind.Facts, tallied *snapshot.FactSet, want snapshot.Digest) bool {
	for _, err := range facts {
		if err != nil {
			return false
		}
	}
	return tallied.Digest == want
}

// compareRest does the same for the bytes at rest. No fact is made of any if a
// driver knows that none differs.
func (d *desk) compareRest(ctx context.Context, p snapshot.Part) iter.Seq2[snapshot.Difference, error] {
	return func(yield func(snapshot.Difference, error) bool) {
		driver, ok := d.drivers[p.ID.Kind].(kind.Resting)
		if !ok {
			return
		}
		same, err := d.isAtRest(ctx, p)
		if err != nil {
			yield(snapshot.Difference{}, err)
		}
		if err != nil || same {
			return
		}
		d.narrowed(ctx, p, snapshot.Diff(p.ID, snapshot.AtRest, driver.Rest(ctx, p.Part, d.source), driver.InspectRest(ctx, d.ws, d.item(p))))(yield)
	}
}

func (d *desk) isAtRest(ctx context.Context, p snapshot.Part) (bool, error) {
	prover, ok := d.drivers[p.ID.Kind].(kind.Prover)
	if !ok {
		return false, nil
	}
	return prover.IsAtRest(ctx, d.ws, p.Part, d.source)
}

// item is the live item, with the claims of the part: what was left out of
// the part's facts is left out of the live ones.
func (d *desk) item(p snapshot.Part) kind.Item {
	item, ok := d.live[p.ID]
	if !ok {
		return p.Item()
	}
	item.Claimed = p.Claimed
	item.Nested = slices.Compact(slices.Sorted(slices.Values(slices.Concat(item.Nested, p.Nested))))
	return item
}

// comparison yields what differs in one part.
type comparison func(context.Context, snapshot.Part) iter.Seq2[snapshot.Difference, error]

// collect runs a comparison for all parts.
func (d *desk) collect(ctx context.Context, compare comparison) (Report, error) {
	comparisons := make([]iter.Seq2[snapshot.Difference, error], len(d.target.Parts))
	for i, p := range d.target.Parts {
		comparisons[i] = compare(ctx, p)
	}
	reports := make([]Report, len(d.target.Parts))
	var g errgroup.Group
	g.SetLimit(2)
	for i, p := range d.target.Parts {
		g.Go(func() (err error) {
			if reports[i], err = one(p.ID, comparisons[i]); err != nil {
				return fmt.Errorf("compare %s: %w", p.ID, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return Report{}, err
	}
	var all Report
	for _, r := range reports {
		all.Differences = append(all.Differences, r.Differences...)
		all.NotComparable = append(all.NotComparable, r.NotComparable...)
	}
	return all, nil
}

// one drains a comparison. An item that is gone is one difference, and one
// that cannot be asked is not comparable.
func one(id kind.ID, differences iter.Seq2[snapshot.Difference, error]) (Report, error) {
	var r Report
	for diff, err := range differences {
		switch {
		case errors.Is(err, kind.ErrGone):
			return Report{Differences: []snapshot.Difference{snapshot.Missing(id)}}, nil
		case errors.Is(err, kind.ErrNotRunning), errors.Is(err, errNoFacts):
			return Report{NotComparable: []kind.Gap{{Part: id, What: "all facts", Why: err.Error()}}}, nil
		case err != nil:
			return Report{}, err
		}
		r.Differences = append(r.Differences, diff)
	}
	return r, nil
}

func sortDifferences(ds []snapshot.Difference) {
	slices.SortStableFunc(ds, func(a, b snapshot.Difference) int {
		if c := a.Part.Compare(b.Part); c != 0 {
			return c
		}
		return kind.CompareNames(a.Fact, b.Fact)
	})
}
