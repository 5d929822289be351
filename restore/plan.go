package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"dogear/kind"
	"dogear/snapshot"
)

// Plan is what a restore is going to do.
type Plan struct {
	Target snapshot.ID `json:"target"`
	// Steps are in the order in which they are carried out.
	Steps []Step `json:"steps"`
	// Quiet lists the items that may not run meanwhile, Stop those of them that
	// do and are stopped, Start those that are started at the end.
	Quiet []kind.ID `json:"quiet"`
	Stop  []kind.ID `json:"stop"`
	Start []kind.ID `json:"start"`
	// Conflicts are reasons why the plan cannot be carried out.
	Conflicts []string `json:"conflicts"`
	Bytes     int64    `json:"bytes"` // to be written
	// Rooms lists the filesystems that are written to.
	Rooms []Room `json:"rooms"`
	// EstimateMS is about how long all of it will take.
	EstimateMS int64 `json:"estimate_ms"`
}

// Step is what a restore does to one item.
type Step struct {
	Part kind.ID `json:"part"`
	kind.Change
}

// touches reports whether the step changes its item.
func (s Step) touches() bool { return s.Action != kind.ActionNone && s.Action != kind.ActionVerify }

// comesOrGoes reports whether there is another item afterwards.
func (s Step) comesOrGoes() bool {
	return s.touches() && s.Action != kind.ActionPatch
}

// Step returns the step for an item.
func (p Plan) Step(id kind.ID) (Step, bool) {
	for _, s := range p.Steps {
		if s.Part == id {
			return s, true
		}
	}
	return Step{}, false
}

// MakePlan compares the live workspace with the target. It changes nothing.
func MakePlan(ctx context.Context, req Request) (Plan, error) {
	d, err := look(ctx, req.Drivers, req.Workspace, req.selected(), req.Source)
	if err != nil {
		return Plan{}, err
	}
	d.remotely = req.Remotely
	return d.plan(ctx)
}

// desk is one look at the live workspace, beside the snapshot that it is to
// become.
type desk struct {
	ws      *kind.Workspace
	drivers map[string]kind.Driver
	live    map[kind.ID]kind.Item
	target  target
	parts   map[kind.ID]snapshot.Part
	source  kind.Source
	alone   map[kind.ID]bool // parts that come back without the trees they claim

	remotely bool // what is on other machines may be changed

	back func(snapshot.Part, kind.Facts) kind.Facts // in a rehearsal: what live facts say of the snapshot; nil: the same
}

func look(ctx context.Context, drivers []kind.Driver, ws *kind.Workspace, target target, source kind.Source) (*desk, error) {
	ws = ws.Look()
	items, err := snapshot.Find(ctx, drivers, ws)
	if err != nil {
		return nil, err
	}
	d := &desk{
		ws: ws, drivers: snapshot.ByKind(drivers), target: target, source: source,
		live:  make(map[kind.ID]kind.Item, len(items)),
		parts: make(map[kind.ID]snapshot.Part, len(target.Parts)),
		alone: make(map[kind.ID]bool),
	}
	for _, it := range items {
		d.live[it.ID] = it
	}
	for _, p := range target.Parts {
		if d.drivers[p.ID.Kind] == nil {
			return nil, fmt.Errorf("snapshot %s has %s, and this dogear knows no kind %q", target.ID, p.ID, p.ID.Kind)
		}
		d.parts[p.ID] = p
	}
	for id, p := range d.parts {
		separable, ok := d.drivers[id.Kind].(kind.Separable)
		d.alone[id] = ok && separable.Separable(p.Part) && !d.spokenForElsewhere(p)
	}
	return d, nil
}

// items lists the live items, sorted.
func (d *desk) items() []kind.Item {
	items := slices.Collect(maps.Values(d.live))
	slices.SortFunc(items, func(a, b kind.Item) int { return a.ID.Compare(b.ID) })
	return items
}

// needs lists what an item uses, now or in the target.
func (d *desk) needs(id kind.ID) []kind.ID {
	return append(slices.Clone(d.live[id].Needs), d.parts[id].Needs...)
}

func (d *desk) plan(ctx context.Context) (Plan, error) {
	plan := Plan{Target: d.target.ID, Quiet: []kind.ID{}, Stop: []kind.ID{}, Conflicts: []string{}}
	plan.Steps = slices.DeleteFunc(d.removals(), func(s Step) bool { return d.live[s.Part].Apart })
	for i := range plan.Steps {
		if err := d.locate(ctx, &plan.Steps[i]); err != nil {
			return Plan{}, err
		}
		plan.Conflicts = append(plan.Conflicts, d.tooFar(plan.Steps[i])...)
	}
	changes, err := d.changes(ctx)
	if err != nil {
		return Plan{}, err
	}
	for _, level := range d.levels() {
		for _, id := range level {
			step := Step{Part: id, Change: changes[id]}
			plan.Steps = append(plan.Steps, step)
			plan.Bytes += step.Bytes
			for _, c := range step.Conflicts {
				plan.Conflicts = append(plan.Conflicts, fmt.Sprintf("%s: %s", id, c))
			}
			plan.Conflicts = append(plan.Conflicts, d.tooFar(step)...)
		}
	}
	misfits, err := d.misfits(ctx, plan)
	if err != nil {
		return Plan{}, err
	}
	plan.Conflicts = append(plan.Conflicts, misfits...)
	plan.Quiet = d.affected(plan.Steps)
	if plan.Stop, err = d.running(ctx, plan); err != nil {
		return Plan{}, err
	}
	plan.Start = d.starts(plan)
	if plan.Rooms, err = d.rooms(ctx, plan.Steps); err != nil {
		return Plan{}, err
	}
	for _, room := range plan.Rooms {
		if room.Needs > room.Free {
			plan.Conflicts = append(plan.Conflicts, room.conflict())
		}
	}
	plan.EstimateMS = plan.estimate()
	return plan, nil
}

// locate says of a removal on which other machine it is.
func (d *desk) locate(ctx context.Context, s *Step) (err error) {
	driver, ok := d.drivers[s.Part.Kind].(kind.Distant)
	if !ok {
		return nil
	}
	if s.Remote, err = driver.Machine(ctx, d.ws, d.live[s.Part]); err != nil {
		return fmt.Errorf("plan %s: %w", s.Part, err)
	}
	return nil
}

// tooFar returns a conflict if a step changes another machine, and nobody has
// asked for that.
func (d *desk) tooFar(s Step) []string {
	if s.Remote == "" || !s.touches() || d.remotely {
		return nil
	}
	return []string{fmt.Sprintf("%s is on %s, which is another machine: --yes-remote changes it there all the same", s.Part, s.Remote)}
}

// levels sorts the target's parts so that each follows what it needs.
func (d *desk) levels() [][]kind.ID {
	return snapshot.Levels(d.ids(), func(id kind.ID) []kind.ID { return d.parts[id].Needs })
}

// startTurns says what each of the target's parts waits for when it starts. What
// does not say that it needs a server waits for all of them, and for what they
// run in.
func (d *desk) startTurns() []snapshot.Turn {
	var hosts []kind.ID
	for _, p := range d.target.Parts {
		if !p.RunsIn.IsZero() {
			hosts = append(hosts, p.RunsIn, p.ID)
		}
	}
	return snapshot.StartTurns(d.ids(), hosts, func(id kind.ID) []kind.ID { return d.parts[id].Needs })
}

func (d *desk) ids() []kind.ID {
	ids := make([]kind.ID, 0, len(d.target.Parts))
	for _, p := range d.target.Parts {
		ids = append(ids, p.ID)
	}
	return ids
}

// removals lists the live items that the target does not have and that can be
// removed, what needs others before what is needed. Items apart are among
// them, for what a rollback has to take away.
func (d *desk) removals() []Step {
	var extra []kind.ID
	for id := range d.live {
		if _, wanted := d.parts[id]; wanted || !d.target.concerns(id) || d.goesWithATree(id) {
			continue
		}
		if _, ok := d.drivers[id.Kind].(kind.Remover); ok {
			extra = append(extra, id)
		}
	}
	levels := snapshot.Levels(extra, d.needs)
	slices.Reverse(levels)
	var steps []Step
	for _, id := range slices.Concat(levels...) {
		steps = append(steps, Step{Part: id, Change: kind.Change{Action: kind.ActionRemove}})
	}
	return steps
}

// goesWithATree reports whether a live item's bytes are in a tree that is
// restored: it goes when they do.
func (d *desk) goesWithATree(id kind.ID) bool {
	if _, resting := d.drivers[id.Kind].(kind.Resting); resting {
		return false
	}
	return slices.ContainsFunc(d.live[id].Claims, func(c kind.Claim) bool { _, ok := d.parts[c.On]; return ok && c.On != id })
}

// changes works out for every part what restoring it would do.
func (d *desk) changes(ctx context.Context) (map[kind.ID]kind.Change, error) {
	out := make([]kind.Change, len(d.target.Parts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for i, p := range d.target.Parts {
		g.Go(func() (err error) {
			if out[i], err = d.change(ctx, p); err != nil {
				return fmt.Errorf("plan %s: %w", p.ID, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	byID := make(map[kind.ID]kind.Change, len(out))
	for i, p := range d.target.Parts {
		byID[p.ID] = out[i]
	}
	return byID, nil
}

func (d *desk) change(ctx context.Context, p snapshot.Part) (kind.Change, error) {
	if d.spokenForElsewhere(p) {
		return d.changeAtStart(ctx, p)
	}
	if v, ok := d.drivers[p.ID.Kind].(kind.Previewer); ok {
		return v.Preview(ctx, d.ws, p.Part, d.source)
	}
	for _, err := range d.compareFacts(ctx, p, &snapshot.FactSet{}) {
		switch {
		case errors.Is(err, kind.ErrGone):
			return kind.Change{Action: kind.ActionCreate}, nil
		case err != nil && !errors.Is(err, errNoFacts):
			return kind.Change{}, err
		}
		return kind.Change{Action: kind.ActionPatch}, nil
	}
	return kind.Change{Action: kind.ActionNone}, nil
}

// changeAtStart works out what starting a part will do whose bytes come back
// with another: nothing, unless its driver loads it then.
func (d *desk) changeAtStart(ctx context.Context, p snapshot.Part) (kind.Change, error) {
	change := kind.Change{Action: kind.ActionVerify}
	loader, ok := d.drivers[p.ID.Kind].(kind.Loader)
	if !ok {
		return change, nil
	}
	atStart, err := loader.PreviewStart(ctx, d.ws, p.Part, d.source)
	if err != nil || atStart.Action != kind.ActionNone {
		return atStart, err
	}
	change.Chunks = atStart.Chunks
	return change, nil
}

// spokenForElsewhere reports whether the part has no bytes of its own and
// comes back with the trees that it claims.
func (d *desk) spokenForElsewhere(p snapshot.Part) bool {
	if _, resting := d.drivers[p.ID.Kind].(kind.Resting); resting || d.alone[p.ID] {
		return false
	}
	return slices.ContainsFunc(p.Claims, func(c kind.Claim) bool { _, ok := d.parts[c.On]; return ok && c.On != p.ID })
}

// affected lists the running items that use anything that the steps touch,
// directly or through others.
func (d *desk) affected(steps []Step) []kind.ID {
	touched, stays := make(map[kind.ID]bool), make(map[kind.ID]bool)
	for _, s := range steps {
		if !s.touches() {
			continue
		}
		touched[s.Part] = true
		host := d.parts[s.Part].RunsIn // who uses it needs what it runs in
		_, starts := d.drivers[s.Part.Kind].(kind.Starter)
		switch {
		case d.alone[s.Part] && host.IsZero():
			for _, tree := range claimed(d.parts[s.Part]) {
				touched[tree] = true // it is no server: its files are written
			}
		case d.alone[s.Part] && !d.exchanges(s.Part):
			if !touched[host] { // but for another part of the same server
				stays[host] = true
			}
			touched[host] = true
		case starts && !d.alone[s.Part]:
			stays[host] = false
			touched[host] = true
		}
	}
	out := []kind.ID{}
	for id := range d.live {
		if _, ok := d.drivers[id.Kind].(kind.Stopper); ok && !stays[id] && d.uses(id, touched, map[kind.ID]bool{}) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, kind.ID.Compare)
	return out
}

// exchanges reports whether a part is exchanged for the live item in one step.
func (d *desk) exchanges(id kind.ID) bool {
	driver, ok := d.drivers[id.Kind].(kind.Exchanger)
	return ok && d.alone[id] && driver.Exchanges(d.parts[id].Part)
}

func (d *desk) uses(id kind.ID, touched, seen map[kind.ID]bool) bool {
	if touched[id] {
		return true
	}
	if seen[id] {
		return false
	}
	seen[id] = true
	return slices.ContainsFunc(d.needs(id), func(n kind.ID) bool { return d.uses(n, touched, seen) })
}

// stillThere reports whether a live item was not removed by the plan.
func (d *desk) stillThere(id kind.ID, plan Plan) bool {
	step, _ := plan.Step(id)
	return step.Action != kind.ActionRemove
}
