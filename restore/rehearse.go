package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"dogear/kind"
	"dogear/snapshot"
)

// Rehearsal restores a snapshot a second time, beside the workspace, lets it
// run where it can reach nothing else, proves it, and removes it again.
// Nothing of the workspace is touched or stopped.
type Rehearsal struct {
	Drivers []kind.Driver
	// Workspace is the copy. Its root is not there yet; nothing else is ever
	// in it.
	Workspace *kind.Workspace
	Target    snapshot.Snapshot
	Source    kind.Source
	// Mark begins the names of all that is made.
	Mark          string
	HealthTimeout time.Duration
	Now           func() time.Time
	Progress      func(stage string)
}

// Rehearsed is what came of a rehearsal.
type Rehearsed struct {
	Identical     bool                  `json:"identical"`
	Differences   []snapshot.Difference `json:"differences"`
	NotComparable []kind.Gap            `json:"not_comparable"` // or not rehearsed
	Unhealthy     []string              `json:"unhealthy"`
	Parts         []kind.ID             `json:"parts"`
	Timings       RehearsalTimings      `json:"timings"`
}

// IdenticalAtRest reports whether every byte came back. What differs then
// differs since it was started, and may well be at work.
func (r *Rehearsed) IdenticalAtRest() bool {
	return !slices.ContainsFunc(r.Differences, func(d snapshot.Difference) bool { return d.Half == snapshot.AtRest })
}

// RehearsalTimings are in milliseconds.
type RehearsalTimings struct {
	RestoreMS int64 `json:"restore_ms"` // until every byte was there
	HealthyMS int64 `json:"healthy_ms"` // from the first start until everything was healthy
	TotalMS   int64 `json:"total_ms"`   // until all of it was gone again
}

// dismantleTimeout bounds the removal, which happens on every path.
const dismantleTimeout = 2 * time.Minute

// Run carries the rehearsal out.
func (h Rehearsal) Run(ctx context.Context) (_ Rehearsed, err error) {
	began := h.Now()
	r := &rehearsing{
		Rehearsal: h, overlay: &overlay{packed: packed{h.Source}, chunks: make(map[kind.ChunkID][]byte)},
		stage:   kind.Rehearsal{Mark: h.Mark, From: h.Target.Workspace.Root, To: h.Workspace.Root},
		renamed: make(map[kind.ID]kind.ID), excuses: make(map[kind.ID]func(string) bool),
	}
	out, err := r.run(ctx)
	h.Progress("removing every trace")
	if left := Dismantle(ctx, h.Drivers, h.Mark, h.Workspace.Root); left != nil {
		err = errors.Join(err, fmt.Errorf("remove the rehearsal: %w", left))
	}
	out.Timings.TotalMS = h.Now().Sub(began).Milliseconds()
	return out, err
}

// Dismantle removes all that a rehearsal has made, whatever became of it.
func Dismantle(ctx context.Context, drivers []kind.Driver, mark, root string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dismantleTimeout)
	defer cancel()
	for _, d := range drivers {
		if r, ok := d.(kind.Rehearser); ok {
			if err := r.Dismantle(ctx, mark); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(root)
}

// rehearsing is a Rehearsal on its way.
type rehearsing struct {
	Rehearsal
	overlay *overlay
	stage   kind.Rehearsal
	parts   []snapshot.Part
	renamed map[kind.ID]kind.ID
	excuses map[kind.ID]func(string) bool
	gaps    []kind.Gap
}

func (r *rehearsing) run(ctx context.Context) (Rehearsed, error) {
	began := r.Now()
	if err := r.relocate(ctx); err != nil {
		return Rehearsed{}, err
	}
	if err := os.MkdirAll(r.Workspace.Root, 0o700); err != nil {
		return Rehearsed{}, err
	}
	r.Progress("restoring a copy")
	d, err := r.look(ctx)
	if err != nil {
		return Rehearsed{}, err
	}
	if err := d.hasRoom(ctx, r.stage.Back); err != nil {
		return Rehearsed{}, err
	}
	for _, level := range d.levels() {
		err := inParallel(ctx, applyWorkers, level, func(ctx context.Context, id kind.ID) error { return r.restore(ctx, d, id) })
		if err != nil {
			return Rehearsed{}, err
		}
	}
	r.Progress("comparing every byte")
	if d, err = r.look(ctx); err != nil {
		return Rehearsed{}, err
	}
	atRest, err := d.collect(ctx, d.compareRest)
	if err != nil {
		return Rehearsed{}, err
	}
	restored := r.Now()
	r.Progress("starting the copy")
	unhealthy, err := starter{desk: d, guard: unguarded{}, begin: func(kind.ID) error { return nil }, timeout: r.HealthTimeout}.run(ctx)
	if err != nil {
		return Rehearsed{}, err
	}
	healthy := r.Now()
	r.Progress("comparing every fact")
	running, err := r.verify(ctx)
	if err != nil {
		return Rehearsed{}, err
	}
	out := r.outcome(atRest, running, unhealthy)
	out.Timings = RehearsalTimings{RestoreMS: restored.Sub(began).Milliseconds(), HealthyMS: healthy.Sub(restored).Milliseconds()}
	return out, nil
}

func (r *rehearsing) restore(ctx context.Context, d *desk, id kind.ID) error {
	if d.spokenForElsewhere(d.parts[id]) {
		return nil
	}
	if err := d.drivers[id.Kind].Restore(ctx, r.Workspace, d.parts[id].Part, r.overlay); err != nil {
		return fmt.Errorf("restore %s: %w", r.original(id), err)
	}
	return nil
}

func (r *rehearsing) look(ctx context.Context) (*desk, error) {
	t := target{ID: r.Target.ID, Parts: r.parts, concerns: func(kind.ID) bool { return false }}
	d, err := look(ctx, r.Drivers, r.Workspace, t, r.overlay)
	if err == nil {
		d.back = r.back
	}
	return d, err
}

// verify compares every fact. A server's databases may bear the name of its
// container.
func (r *rehearsing) verify(ctx context.Context) (Report, error) {
	d, err := r.look(ctx)
	if err != nil {
		return Report{}, err
	}
	again := false
	for i, p := range r.parts {
		renamed := kind.ID{Kind: p.ID.Kind, Name: r.stage.Name(p.ID.Name)}
		if _, live := d.live[renamed]; live {
			r.parts[i].ID, again = renamed, true
		}
	}
	if again {
		if d, err = r.look(ctx); err != nil {
			return Report{}, err
		}
	}
	return d.verify(ctx)
}

func (r *rehearsing) outcome(atRest, running Report, unhealthy []string) Rehearsed {
	out := Rehearsed{Differences: []snapshot.Difference{}, Unhealthy: []string{}, Parts: []kind.ID{}}
	for _, diff := range slices.Concat(atRest.Differences, running.Differences) {
		if excuses := r.excuses[diff.Part]; excuses != nil && excuses(diff.Fact) {
			continue
		}
		diff.Part = r.original(diff.Part)
		out.Differences = append(out.Differences, diff)
	}
	out.NotComparable = slices.Concat([]kind.Gap{}, r.gaps)
	for _, gap := range slices.Concat(atRest.NotComparable, running.NotComparable) {
		gap.Part = r.original(gap.Part)
		out.NotComparable = append(out.NotComparable, gap)
	}
	for _, trouble := range unhealthy {
		out.Unhealthy = append(out.Unhealthy, r.stage.Back(trouble))
	}
	for _, p := range r.parts {
		out.Parts = append(out.Parts, r.original(p.ID))
	}
	out.Identical = len(out.Differences) == 0
	return out
}

// unguarded is for what is removed in any case.
type unguarded struct{}

func (unguarded) WillFreeze(kind.ID) error         { return nil }
func (unguarded) WillStop(kind.ID) error           { return nil }
func (unguarded) WillSettle(kind.ID, string) error { return nil }
func (unguarded) Settled(kind.ID)                  {}
func (unguarded) Thawed(kind.ID)                   {}
func (unguarded) Resumed(kind.ID)                  {}

// inspect returns the live facts of a part.
func (d *desk) inspect(ctx context.Context, p snapshot.Part) kind.Facts {
	facts := d.drivers[p.ID.Kind].Inspect(ctx, d.ws, d.item(p))
	if d.back == nil {
		return facts
	}
	return d.back(p, facts)
}
