package container

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"dogear/internal/docker"
	"dogear/kind"
)

// Grace periods of a stop.
const (
	// stopDefault is what a container is given where the caller sets no
	// deadline. Databases may take minutes.
	stopDefault = 5 * time.Minute
	// stopMargin is kept back from the caller's deadline for the engine.
	stopMargin = 2 * time.Second
)

// retryEvery is how often what a busy engine refused is tried again, and how
// often it is asked for news.
const retryEvery = 50 * time.Millisecond

// refusalTime is how long a freeze may be refused. Others are frozen meanwhile.
const refusalTime = 5 * time.Second

// Freeze pauses a running container.
func (d *Driver) Freeze(ctx context.Context, _ *kind.Workspace, id kind.ID) (bool, error) {
	patience, cancel := context.WithTimeout(ctx, refusalTime)
	defer cancel()
	for {
		engine, live, err := d.look(ctx, id)
		if errors.Is(err, kind.ErrGone) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		d.releaseOther(id, live)
		if live.State != Running || live.Container.State.Restarting {
			return false, nil
		}
		// The freezer of cgroup v1 fails now and then on a busy machine.
		refused := engine.Pause(ctx, live.ID)
		if refused == nil {
			d.noteHeld(id, held{ref: live.ID, frozen: true})
			return true, nil
		}
		if errors.Is(refused, docker.ErrCannotFreeze) || wait(patience, retryEvery) != nil {
			return false, fmt.Errorf("freeze it: %w", refused)
		}
	}
}

// Thaw unpauses a container.
func (d *Driver) Thaw(ctx context.Context, _ *kind.Workspace, id kind.ID) error {
	engine, live, err := d.lookAtHeld(ctx, id)
	if errors.Is(err, kind.ErrGone) {
		return nil
	}
	if err != nil || live.State != Paused {
		return err
	}
	if err := engine.Unpause(ctx, live.ID); err != nil {
		return fmt.Errorf("thaw it: %w", err)
	}
	d.release(id)
	return nil
}

// Incarnation identifies one run of a container, and whether it is frozen.
func (d *Driver) Incarnation(ctx context.Context, _ *kind.Workspace, id kind.ID) (string, error) {
	_, live, err := d.look(ctx, id)
	if err != nil || live.State == Stopped {
		return "", err
	}
	return fmt.Sprintf("%s %s %s", live.ID, live.Container.State.StartedAt.Format(time.RFC3339Nano), live.State), nil
}

// Stop stops a container with its own stop signal. It is killed only at the
// context's deadline, or if its main process does not hear the signal at all.
func (d *Driver) Stop(ctx context.Context, _ *kind.Workspace, id kind.ID) (bool, error) {
	engine, live, err := d.look(ctx, id)
	if errors.Is(err, kind.ErrGone) {
		return false, nil
	}
	if err != nil || live.State == Stopped {
		return false, err
	}
	d.releaseOther(id, live)
	paused := live.State == Paused && !d.heldOf(id).frozen
	if err := begun(ctx, live.Container.State.StartedAt); err != nil {
		return false, err
	}
	if err := engine.Stop(ctx, live.Container, grace(ctx, engine, live)); err != nil && !errors.Is(err, kind.ErrGone) {
		return false, fmt.Errorf("stop it: %w", err)
	}
	d.noteHeld(id, held{ref: live.ID, paused: paused})
	return true, nil
}

// begins is how long a program may take until it says which signals it hears.
// Before that the engine's own program is in its place, which hears all of them: a
// signal that comes in between is lost, and would be waited for to the end.
const begins = time.Second

// begun waits until a container has been running for that long.
func begun(ctx context.Context, since time.Time) error {
	return wait(ctx, min(begins, begins-time.Since(since)))
}

// grace returns after how many seconds a stop becomes a kill.
func grace(ctx context.Context, engine *docker.Engine, live *description) int {
	if !engine.HearsStop(live.Container) {
		return 1
	}
	period := stopDefault
	if deadline, ok := ctx.Deadline(); ok {
		period = time.Until(deadline) - stopMargin
	}
	return int(math.Max(1, period.Seconds()))
}

// Resume starts again what Stop stopped.
func (d *Driver) Resume(ctx context.Context, _ *kind.Workspace, id kind.ID) error {
	engine, live, err := d.lookAtHeld(ctx, id)
	if err != nil {
		return err
	}
	state := Running
	if d.heldOf(id).paused {
		state = Paused
	}
	if err := bring(ctx, engine, live, state); err != nil {
		return err
	}
	d.release(id)
	return nil
}

// StopsLast reports whether the engine removes the container when it stops. It
// fails if that would lose what cannot be captured.
func (d *Driver) StopsLast(ctx context.Context, _ *kind.Workspace, id kind.ID) (bool, error) {
	_, live, err := d.look(ctx, id)
	if errors.Is(err, kind.ErrGone) {
		return false, nil
	}
	if err == nil && live.Removes() && live.State != Stopped {
		err = requireLayer(live)
	}
	return err == nil && live.Removes(), err
}

// Start brings a container back to the state in which it was captured.
func (d *Driver) Start(ctx context.Context, _ *kind.Workspace, part kind.Part, source kind.Source) error {
	want, err := captured(ctx, part, source)
	if err != nil {
		return err
	}
	engine, live, err := d.look(ctx, part.ID)
	if err != nil {
		return err
	}
	if policy := want.RestartPolicy(); policy != live.RestartPolicy() {
		if err := engine.SetRestartPolicy(ctx, live.ID, policy); err != nil {
			return fmt.Errorf("set its restart policy: %w", err)
		}
	}
	return bring(ctx, engine, live, want.State)
}

// bring starts and pauses as needed; it stops nothing.
func bring(ctx context.Context, engine *docker.Engine, live *description, state State) error {
	if state == Stopped || live.State == state {
		return nil
	}
	if live.State == Stopped {
		if err := engine.Start(ctx, live.ID); err != nil {
			return fmt.Errorf("start it: %w", err)
		}
	}
	if state == Paused {
		if err := engine.Pause(ctx, live.ID); err != nil {
			return fmt.Errorf("pause it, as it was: %w", err)
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
