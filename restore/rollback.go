package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dogear/kind"
	"dogear/snapshot"
)

// rollbackTimeout bounds a rollback. It runs also when the restore's own
// context has ended.
const rollbackTimeout = 10 * time.Minute

// Rollback takes back an interrupted restore: the items that it may have
// touched become again what the safety snapshot says.
type Rollback struct {
	Drivers       []kind.Driver
	Workspace     *kind.Workspace
	Safety        snapshot.Snapshot
	Journal       *Journal
	Source        kind.Source
	Guard         snapshot.Guard
	HealthTimeout time.Duration
	Progress      func(stage string)
	// Interrupted is when the process that was restoring, and is gone, last
	// recorded a step. Zero: it is this one.
	Interrupted time.Time
}

// takeBack rolls back after a failure and says how that went.
func (r *run) takeBack(ctx context.Context, cause error) error {
	return rollback{
		Rollback: Rollback{
			Drivers: r.req.Drivers, Workspace: r.req.Workspace, Safety: r.safety, Journal: r.j,
			Source: r.req.Source, Guard: r.req.Guard, HealthTimeout: r.req.HealthTimeout, Progress: r.req.Progress,
		},
		cause: cause, what: "restore",
	}.run(ctx)
}

// rollback is a Rollback after a failure.
type rollback struct {
	Rollback
	cause error
	what  string // that is taken back
}

func (b rollback) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if err := b.Run(ctx); err != nil {
		return &UnfinishedError{Err: errors.Join(b.cause, fmt.Errorf("take back the %s: %w", b.what, err)), Safety: b.Safety.ID}
	}
	return &RolledBackError{Err: b.cause, Safety: b.Safety.ID}
}

// Run carries the rollback out and ends the journal. It can be run again.
func (b Rollback) Run(ctx context.Context) error {
	b.progress("taking back: bringing back the state of safety snapshot " + string(b.Safety.ID))
	ws := *b.Workspace
	ws.Safety = ""
	b.Workspace = &ws
	if err := b.awaitMade(ctx); err != nil {
		return err
	}
	d, err := b.bringBack(ctx)
	for tries := 1; errors.Is(err, errStarted) && tries < bringBackTries; tries++ {
		b.progress(fmt.Sprintf("%v; stopping it and trying again", err))
		d, err = b.bringBack(ctx)
	}
	if err != nil {
		return err
	}
	if err := b.start(ctx, d); err != nil {
		return err
	}
	return b.Journal.remove()
}

// bringBackTries is how often others may start what is being brought back.
const bringBackTries = 3

// bringBack has everything be as the safety snapshot says, but for that it does
// not run.
func (b Rollback) bringBack(ctx context.Context) (*desk, error) {
	d, err := look(ctx, b.Drivers, b.Workspace, wholly(&b.Safety), b.Source)
	if err != nil {
		return nil, err
	}
	for _, id := range b.Journal.Alone {
		d.alone[id] = true
	}
	stopped, err := b.stop(ctx, d)
	if err != nil {
		return nil, err
	}
	if err := d.holdBack(ctx, stopped); err != nil {
		return nil, err
	}
	if err := regain(ctx, b.Drivers, b.Workspace, &b.Safety, b.Source, stopped); err != nil {
		return nil, err
	}
	if err := b.removeAll(ctx, d); err != nil {
		return nil, err
	}
	if err := b.restore(ctx, d); err != nil {
		return nil, err
	}
	return d, d.assertStill(ctx, append(stopped, b.Journal.Begun...))
}

// stop stops whatever uses what has to be taken back, and returns it, with what
// stopped for good when the safety snapshot was taken.
func (b Rollback) stop(ctx context.Context, d *desk) ([]kind.ID, error) {
	var steps []Step
	for _, id := range b.Journal.Begun {
		steps = append(steps, Step{Part: id, Change: kind.Change{Action: kind.ActionPatch}})
	}
	levels := snapshot.Levels(d.affected(steps), d.needs)
	slices.Reverse(levels)
	stopped := slices.Concat(levels...)
	for _, id := range stopped {
		if _, err := d.drivers[id.Kind].(kind.Stopper).Stop(ctx, b.Workspace, id); err != nil {
			return nil, fmt.Errorf("stop %s: %w", id, err)
		}
	}
	return append(stopped, d.gone(b.Journal.Begun)...), nil
}

// A restore that was killed may have asked for something that is still being
// made when it is looked for.
const (
	removeTries = 20
	removePause = 250 * time.Millisecond
)

// removeAll is removeCreated until nothing appears any more that is in its way.
func (b Rollback) removeAll(ctx context.Context, d *desk) error {
	err := b.removeCreated(ctx, d)
	for tries := 0; err != nil && tries < removeTries; tries++ {
		select {
		case <-ctx.Done():
			return err
		case <-time.After(removePause):
		}
		again, lost := look(ctx, b.Drivers, b.Workspace, wholly(&b.Safety), b.Source)
		if lost != nil {
			return errors.Join(err, lost)
		}
		err = b.removeCreated(ctx, again)
	}
	return err
}

// removeCreated removes what the restore has made and the safety snapshot
// does not have.
func (b Rollback) removeCreated(ctx context.Context, d *desk) error {
	for _, step := range d.removals() {
		if !slices.Contains(b.Journal.Begun, step.Part) {
			continue
		}
		if err := d.drivers[step.Part.Kind].(kind.Remover).Remove(ctx, b.Workspace, d.live[step.Part]); err != nil {
			return fmt.Errorf("remove %s: %w", step.Part, err)
		}
	}
	for _, step := range slices.Backward(b.Journal.Plan.Steps) { // who needs others goes first
		follower, ok := d.drivers[step.Part.Kind].(kind.Follower)
		if !ok || step.Action != kind.ActionCreate || !slices.Contains(b.Journal.Begun, step.Part) || d.knows(step.Part) {
			continue
		}
		if err := follower.RemoveNamed(ctx, b.Workspace, step.Part); err != nil {
			return fmt.Errorf("remove %s: %w", step.Part, err)
		}
	}
	return nil
}

// knows reports whether an item is there, or is to be.
func (d *desk) knows(id kind.ID) bool {
	_, live := d.live[id]
	_, wanted := d.parts[id]
	return live || wanted
}

func (b Rollback) restore(ctx context.Context, d *desk) error {
	for _, id := range slices.Concat(d.levels()...) {
		part := d.parts[id]
		if !b.mayDiffer(d, id) || d.spokenForElsewhere(part) {
			continue
		}
		if same, err := b.takesBack(ctx, d, &part.Part); err != nil {
			return fmt.Errorf("compare %s with the safety snapshot: %w", id, err)
		} else if same {
			continue
		}
		if err := d.drivers[id.Kind].Restore(ctx, b.Workspace, part.Part, b.Source); err != nil {
			return fmt.Errorf("restore %s: %w", id, err)
		}
	}
	return nil
}

// takesBack marks a part that was to be exchanged in one step. One of which only
// something within was is as it was, if nothing of that was done: that is
// reported.
func (b Rollback) takesBack(ctx context.Context, d *desk, part *kind.Part) (same bool, err error) {
	if !d.exchanges(part.ID) {
		return false, nil
	}
	if step, _ := b.Journal.Plan.Step(part.ID); step.Action != kind.ActionPatch {
		part.Back = string(b.Safety.ID)
		return false, nil
	}
	previewer, ok := d.drivers[part.ID.Kind].(kind.Previewer)
	if !ok {
		return false, nil
	}
	change, err := previewer.Preview(ctx, b.Workspace, *part, b.Source)
	return err == nil && change.Action == kind.ActionNone, err
}

// mayDiffer reports whether an item was touched, or runs with something that
// was: a container is attached to the very network that was taken away, not to
// the one that takes its place.
func (b Rollback) mayDiffer(d *desk, id kind.ID) bool {
	if slices.Contains(b.Journal.Begun, id) {
		return true
	}
	if _, runs := d.drivers[id.Kind].(kind.Stopper); !runs {
		return false
	}
	return slices.ContainsFunc(d.parts[id].Needs, func(n kind.ID) bool { return slices.Contains(b.Journal.Begun, n) })
}

// start brings back what ran. It is as it was; that something is not healthy is
// no reason to try again.
func (b Rollback) start(ctx context.Context, d *desk) error {
	unhealthy, err := starter{
		desk: d, guard: b.Guard, begin: func(kind.ID) error { return nil }, timeout: b.HealthTimeout, spare: b.ranOn(d),
	}.run(ctx)
	for _, problem := range unhealthy {
		b.progress(problem)
	}
	return err
}

// ranOn says of servers that were neither stopped nor touched that they are to
// be left alone: they may have been written to since the safety snapshot.
func (b Rollback) ranOn(d *desk) func(kind.ID) bool {
	return func(id kind.ID) bool {
		host := d.parts[id].RunsIn
		return !host.IsZero() && !slices.Contains(b.Journal.Begun, id) &&
			!slices.Contains(b.Journal.Begun, host) && !slices.Contains(b.Journal.Plan.Quiet, host)
	}
}

func (b Rollback) progress(stage string) {
	if b.Progress != nil {
		b.Progress(stage)
	}
}
