package restore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"dogear/kind"
	"dogear/snapshot"
)

// starter brings the items of a desk's target to the running state that they
// had, and waits until they are healthy.
type starter struct {
	desk    *desk
	guard   snapshot.Guard
	begin   func(kind.ID) error // called before an item is touched
	timeout time.Duration       // for all to be healthy

	spare func(kind.ID) bool // items that are not started; may be nil

	allStarted func() // called each time an item has started, one call at a time; may be nil
}

// run starts each item as soon as what it needs does its work. What does not
// become healthy is named, and is no error: everything is there, and its user has
// to look.
func (s starter) run(ctx context.Context) (unhealthy []string, err error) {
	healthy, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	v := newVigil(s, healthy)
	err = v.bring(ctx, s.desk.startTurns())
	if ailing := v.ailing; err == nil && len(ailing) > 0 {
		// An app that does not say what it needs may have looked for it too early.
		again := slices.DeleteFunc(s.desk.startTurns(), func(t snapshot.Turn) bool { return ailing[t.ID] == nil })
		late := healthy.Err() != nil
		v = newVigil(s, healthy)
		err = v.bring(ctx, again)
		if late {
			v.ailing = ailing // nobody could look any more
		}
	}
	if err != nil {
		return nil, err
	}
	for id, problem := range v.ailing {
		unhealthy = append(unhealthy, fmt.Sprintf("%s: %v", id, problem)+s.lastLines(ctx, id))
	}
	slices.Sort(unhealthy)
	return unhealthy, ctx.Err()
}

// shownLines is how many lines are shown of what an item wrote last.
const shownLines = 10

// lastLines is what an item that is not healthy, or the one that it runs in,
// wrote last, a line each. That there is nothing to be read is nothing to be
// told.
func (s starter) lastLines(ctx context.Context, id kind.ID) string {
	if host := s.desk.parts[id].RunsIn; !host.IsZero() {
		id = host
	}
	diarist, ok := s.desk.drivers[id.Kind].(kind.Diarist)
	if !ok {
		return ""
	}
	lines, err := diarist.LastLines(ctx, s.desk.ws, id, shownLines)
	if err != nil || len(lines) == 0 {
		return ""
	}
	var text strings.Builder
	for _, line := range lines {
		text.WriteString("\n    | " + kind.Printable(line))
	}
	return text.String()
}

// starts reports whether an item is one that starts.
func (s starter) starts(id kind.ID) bool {
	_, ok := s.desk.drivers[id.Kind].(kind.Starter)
	return ok && !s.desk.alone[id] && (s.spare == nil || !s.spare(id))
}

// start starts an item that starts.
func (s starter) start(ctx context.Context, id kind.ID) error {
	driver := s.desk.drivers[id.Kind].(kind.Starter)
	if err := s.begin(id); err != nil {
		return err
	}
	if err := driver.Start(ctx, s.desk.ws, s.desk.parts[id].Part, s.desk.source); err != nil {
		return err
	}
	s.guard.Resumed(id)
	return nil
}

// inParallel runs f for items that do not need each other, at most n at once.
// Its first error waits for the others, so that nothing is half-way when it
// is handled.
func inParallel(ctx context.Context, n int, ids []kind.ID, f func(context.Context, kind.ID) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(n, 1))
	for _, id := range ids {
		g.Go(func() error { return f(ctx, id) })
	}
	return g.Wait()
}

// start starts everything, and measures how long it was away.
func (r *run) start(ctx context.Context) (snapshot.RestoreTimings, []string, error) {
	var timings snapshot.RestoreTimings
	started := func() { timings.OutageMS = r.sinceStop() }
	unhealthy, err := starter{
		desk: r.desk, guard: r.req.Guard, begin: r.begin, timeout: r.req.HealthTimeout, allStarted: started,
	}.run(ctx)
	if err == nil {
		err = r.resumeOthers(ctx, started)
	}
	if err != nil {
		return timings, nil, err
	}
	if timings.OutageMS == 0 {
		started() // nothing of what was stopped is to run
	}
	timings.HealthyMS = r.sinceBegin()
	if !r.stoppedAt.IsZero() {
		timings.HealthyMS = r.sinceStop()
	}
	return timings, unhealthy, nil
}

// resumeOthers starts again what was stopped only because it uses what has
// been restored, and lets go of what was held back for that. It calls started
// each time something runs again.
func (r *run) resumeOthers(ctx context.Context, started func()) error {
	var others []kind.ID
	for _, id := range slices.Concat(r.plan.Quiet, r.stopped) {
		if _, ok := r.desk.parts[id]; !ok && r.desk.stillThere(id, r.plan) && !slices.Contains(others, id) {
			others = append(others, id)
		}
	}
	for _, id := range slices.Concat(snapshot.Levels(others, r.desk.needs)...) {
		if err := r.resumeOther(ctx, id, started); err != nil {
			return fmt.Errorf("start %s again: %w", id, err)
		}
	}
	return nil
}

func (r *run) resumeOther(ctx context.Context, id kind.ID, started func()) error {
	ran := slices.Contains(r.stopped, id)
	saved, ok := r.safety.Part(id)
	if driver, holds := r.desk.drivers[id.Kind].(kind.SelfStarter); holds && ok {
		if err := driver.Start(ctx, r.req.Workspace, saved.Part, r.req.Source); err != nil {
			return err
		}
	} else if ran {
		if err := r.desk.drivers[id.Kind].(kind.Stopper).Resume(ctx, r.req.Workspace, id); err != nil {
			return err
		}
	}
	if !ran {
		return nil
	}
	started()
	r.req.Guard.Resumed(id)
	return r.startInside(ctx, id)
}

// startInside brings back what lived in the memory of an item that was
// stopped, as the safety snapshot has it.
func (r *run) startInside(ctx context.Context, host kind.ID) error {
	for _, p := range r.safety.Parts {
		driver, ok := r.desk.drivers[p.ID.Kind].(kind.Starter)
		if !ok || p.RunsIn != host {
			continue
		}
		if err := driver.Start(ctx, r.req.Workspace, p.Part, r.req.Source); err != nil {
			return fmt.Errorf("%s: %w", p.ID, err)
		}
	}
	return nil
}

// sinceBegin returns the milliseconds since the restore began; never less than
// 0, even if the clock was set back since.
func (r *run) sinceBegin() int64 { return max(r.req.Now().Sub(r.began).Milliseconds(), 0) }

// sinceStop returns the milliseconds since the first stop; 0 without one, and
// only then, even if the clock was set back since.
func (r *run) sinceStop() int64 {
	if r.stoppedAt.IsZero() {
		return 0
	}
	return max(r.req.Now().Sub(r.stoppedAt).Milliseconds(), 1)
}
