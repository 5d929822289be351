package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dogear/kind"
)

// Room is what a restore needs on one filesystem.
type Room struct {
	Dir   string    `json:"dir"` // one of those on it
	Parts []kind.ID `json:"parts"`
	Needs int64     `json:"needs"`
	Free  int64     `json:"free"`
}

func (r Room) conflict() string {
	var names []string
	for _, id := range r.Parts {
		names = append(names, id.String())
	}
	const megabyte = 1e6
	return fmt.Sprintf("the filesystem of %s has no room for %s: %.0f MB more are needed, and %.0f MB are free; free %.0f MB there",
		r.Dir, strings.Join(names, ", "), float64(r.Needs)/megabyte, float64(r.Free)/megabyte, float64(r.Needs-r.Free)/megabyte+1)
}

// rooms adds up what the steps need, by filesystem.
func (d *desk) rooms(ctx context.Context, steps []Step) ([]Room, error) {
	rooms := make(map[string]*Room)
	for _, s := range steps {
		placer, ok := d.drivers[s.Part.Kind].(kind.Placer)
		if !ok || !s.touches() || s.Action == kind.ActionRemove {
			continue
		}
		place, err := placer.Place(ctx, d.ws, d.parts[s.Part].Part)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Part, err)
		}
		if place.Filesystem == "" {
			continue
		}
		room := rooms[place.Filesystem]
		if room == nil {
			room = &Room{Dir: place.Dir, Free: place.Free}
			rooms[place.Filesystem] = room
		}
		room.Parts, room.Needs = append(room.Parts, s.Part), room.Needs+s.Grows
	}
	all := []Room{}
	for _, room := range rooms {
		room.Needs = max(room.Needs, 0)
		all = append(all, *room)
	}
	slices.SortFunc(all, func(a, b Room) int { return cmp.Compare(a.Dir, b.Dir) })
	return all, nil
}

// hasRoom returns an error if there is no room for what a copy of the target
// needs. say rewrites what that says.
func (d *desk) hasRoom(ctx context.Context, say func(string) string) error {
	changes, err := d.changes(ctx)
	if err != nil {
		return err
	}
	var steps []Step
	for _, id := range d.ids() {
		steps = append(steps, Step{Part: id, Change: changes[id]})
	}
	rooms, err := d.rooms(ctx, steps)
	var full []string
	for _, room := range rooms {
		if room.Needs > room.Free {
			full = append(full, say(room.conflict()))
		}
	}
	if err == nil && len(full) > 0 {
		err = &ConflictError{Conflicts: full}
	}
	return err
}

// starts lists what is started: what was to run and does not, or is stopped
// meanwhile, and what is stopped only as it uses something.
func (d *desk) starts(plan Plan) []kind.ID {
	out := []kind.ID{}
	for _, s := range plan.Steps {
		if s.WillRun && (!s.Runs || slices.Contains(plan.Stop, s.Part)) {
			out = append(out, s.Part)
		}
	}
	for _, id := range plan.Stop {
		if p, ok := d.parts[id]; (!ok || len(p.Inside) > 0) && d.stillThere(id, plan) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, kind.ID.Compare)
	return slices.Compact(out)
}

// running lists those of the quiet items that run.
func (d *desk) running(ctx context.Context, plan Plan) ([]kind.ID, error) {
	out := []kind.ID{}
	for _, id := range plan.Quiet {
		runs, err := d.isRunning(ctx, id, plan)
		if err != nil {
			return nil, fmt.Errorf("look whether %s runs: %w", id, err)
		}
		if runs {
			out = append(out, id)
		}
	}
	return out, nil
}

// isRunning reports whether an item runs, or may.
func (d *desk) isRunning(ctx context.Context, id kind.ID, plan Plan) (bool, error) {
	step, ok := plan.Step(id)
	if _, told := d.drivers[id.Kind].(kind.Previewer); ok && told && step.Action != kind.ActionRemove {
		return step.Runs, nil
	}
	freezer, ok := d.drivers[id.Kind].(kind.Freezer)
	if !ok {
		return true, nil
	}
	run, err := freezer.Incarnation(ctx, d.ws, id)
	if errors.Is(err, kind.ErrGone) {
		return false, nil
	}
	return run != "", err
}

// How long things take on a machine without hurry.
const (
	writesPerSecond = 100e6 // bytes
	stopTime        = 2 * time.Second
	startTime       = 3 * time.Second
)

// estimate is about how long the plan will take, in milliseconds.
func (p *Plan) estimate() int64 {
	took := time.Second + time.Duration(float64(p.Bytes)/writesPerSecond*float64(time.Second))
	if len(p.Stop) > 0 {
		took += stopTime
	}
	if len(p.Start) > 0 {
		took += startTime
	}
	return took.Milliseconds()
}
