package container

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dogear/internal/docker"
	"dogear/kind"
)

// settleTime is how long a container without a health check has to run to count
// as healthy.
const settleTime = time.Second

// WaitHealthy waits until a container that ran runs, and is healthy if it was.
// One that kept failing when it was captured has only to be started.
func (d *Driver) WaitHealthy(ctx context.Context, _ *kind.Workspace, part kind.Part, source kind.Source) error {
	want, err := captured(ctx, part, source)
	if err != nil || want.State != Running || want.Failing {
		return err
	}
	var steady steady
	var trouble error
	for {
		_, live, err := d.look(ctx, part.ID)
		if err != nil {
			return errors.Join(trouble, err)
		}
		var done bool
		done, trouble = healthy(live, want)
		if done && (trouble != nil || live.Container.State.Health != nil || steady.settled(live, time.Now())) {
			return trouble
		}
		if err := wait(ctx, retryEvery); err != nil {
			return errors.Join(trouble, err)
		}
	}
}

// steady watches one run of a container. One that does not find what it needs
// ends right after it has started, and its engine may start it again at once.
type steady struct {
	run   time.Time // when it started, by the engine's clock
	since time.Time // when it was first seen, by ours
}

// settled reports whether a container has ended, or has run for a moment without
// being started anew.
func (s *steady) settled(live *description, now time.Time) bool {
	if run := live.Container.State.StartedAt; run != s.run || s.since.IsZero() {
		s.run, s.since = run, now
	}
	ran := max(now.Sub(s.run), now.Sub(s.since)) // the engine may have another clock
	return live.State != Running || ran > settleTime
}

// healthy reports whether there is no use in waiting any longer, and what is
// wrong. A container that its engine restarts may still come to.
func healthy(live, want *description) (bool, error) {
	state := live.Container.State
	hint := "see docker logs " + live.Name
	switch {
	case live.State == Stopped && state.ExitCode == 0 && state.Status == "exited":
		return true, nil // a job that has done its work; that it ran is a fact
	case live.State == Stopped && state.Status != "restarting":
		return true, fmt.Errorf("it exited with code %d; %s", state.ExitCode, hint)
	case live.State != Running || state.Restarting:
		return false, fmt.Errorf("it is %s; %s", state.Status, hint)
	case want.Healthy && state.Health != nil && state.Health.Status != "healthy":
		return false, fmt.Errorf("it is %s; %s", state.Health.Status, hint)
	}
	return true, nil
}

// How often a health check is run by Probe: soon at first, then as patiently as
// most engines.
const (
	probeSoon   = 100 * time.Millisecond
	probeRarely = 5 * time.Second
)

// errNoProbe says that only the engine can tell.
var errNoProbe = errors.New("its health cannot be seen")

// Probe runs the health check of a container itself. Its engine does so after an
// interval only, which may be half a minute: so long would all wait that needs it.
// What has no health check is needed as soon as it runs, as Compose has it too.
func (d *Driver) Probe(ctx context.Context, _ *kind.Workspace, part kind.Part, source kind.Source) error {
	want, err := captured(ctx, part, source)
	if err != nil {
		return err
	}
	if want.State != Running || want.Failing {
		return errNoProbe
	}
	for pause := probeSoon; ; pause = min(pause*3/2, probeRarely) {
		engine, live, err := d.look(ctx, part.ID)
		if err != nil {
			return err
		}
		if live.State == Running {
			ready, err := isReady(ctx, engine, live, want)
			if ready || err != nil {
				return err
			}
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
}

// isReady runs the health check of a container that runs. One that takes too long
// is left to the engine, which can end it.
func isReady(ctx context.Context, engine *docker.Engine, live, want *description) (bool, error) {
	check := live.HealthCheck()
	if check == nil {
		return true, nil
	}
	if !want.Healthy {
		return false, errNoProbe
	}
	limited, cancel := context.WithTimeout(ctx, check.Timeout)
	defer cancel()
	code, err := engine.Exec(limited, live.ID, docker.Command{Argv: check.Argv})
	if limited.Err() != nil {
		return false, errNoProbe
	}
	return err == nil && code == 0, nil // it may just have ended, and be started again
}
