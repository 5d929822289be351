package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"dogear/kind"
	"dogear/restore"
	"dogear/snapshot"
)

// lastRun is the run of an item, as its driver names it, that was captured
// frozen and is to be the last one: the item goes when it stops, and is stopped
// only after the commit.
type lastRun struct {
	ID  kind.ID `json:"id"`
	Run string  `json:"run"`
}

// lastMoments is how long a watchdog waits for what its agent was stopping when
// it died: an engine brings a stop that it was asked for to its end by itself.
const lastMoments = 10 * time.Second

// askAgain is how often it looks.
const askAgain = 50 * time.Millisecond

// settled returns the runs without those of an item.
func settled(runs []lastRun, gone kind.ID) []lastRun {
	return slices.DeleteFunc(runs, func(r lastRun) bool { return r.ID == gone })
}

// settle brings to its end the stopping of what was captured. What is in
// another run by now it leaves alone, after it was given so long to end, and
// returns it: stopping it would lose what it has written since.
func settle(drivers []kind.Driver, ws *kind.Workspace, runs []lastRun, patience time.Duration) (others []kind.ID, err error) {
	byKind := snapshot.ByKind(drivers)
	for _, last := range runs {
		ended, err := settleOne(byKind[last.ID.Kind], ws, last, patience)
		if err != nil {
			return nil, fmt.Errorf("stop %s: %w", last.ID, err)
		}
		if !ended {
			others = append(others, last.ID)
		}
	}
	return others, nil
}

func settleOne(driver kind.Driver, ws *kind.Workspace, last lastRun, patience time.Duration) (ended bool, err error) {
	ctx := context.Background() // a clean stop takes its time
	for deadline := time.Now().Add(patience); ; time.Sleep(askAgain) {
		now, err := incarnation(ctx, driver, ws, last.ID)
		if err != nil || now == "" {
			return err == nil, err
		}
		if now == last.Run {
			_, err := driver.(kind.Stopper).Stop(ctx, ws, last.ID)
			return err == nil, err
		}
		if time.Now().After(deadline) {
			return false, nil
		}
	}
}

// incarnation is empty also for what is gone.
func incarnation(ctx context.Context, driver kind.Driver, ws *kind.Workspace, id kind.ID) (string, error) {
	freezer, ok := driver.(kind.Freezer)
	if !ok {
		return "", nil
	}
	now, err := freezer.Incarnation(ctx, ws, id)
	if errors.Is(err, kind.ErrGone) {
		return "", nil
	}
	return now, err
}

// settleLeft does that for a job that was killed, whose watchdog did not come to
// do it. It returns what runs on.
func (a *Agent) settleLeft(left *leftover) (others []kind.ID, err error) {
	others, err = settle(a.Drivers, a.fromWire(left.Workspace), left.settling, 0)
	if err != nil {
		return nil, err
	}
	for _, last := range left.settling {
		if !slices.Contains(others, last.ID) {
			left.stopped = append(left.stopped, last.ID)
		}
	}
	return others, nil
}

// amend has the journal of a restore say what settleLeft did: what is gone has
// to come back, and what runs on is not to be touched.
func amend(journal *restore.Journal, left leftover, others []kind.ID) {
	for _, last := range left.settling {
		journal.Begun = without(journal.Begun, last.ID)
		if !slices.Contains(others, last.ID) {
			journal.Begun = append(journal.Begun, last.ID)
		}
	}
}

// stillRunning returns those items that run.
func (a *Agent) stillRunning(ctx context.Context, ws *kind.Workspace, ids []kind.ID) ([]kind.ID, error) {
	byKind := snapshot.ByKind(a.Drivers)
	var running []kind.ID
	for _, id := range ids {
		now, err := incarnation(ctx, byKind[id.Kind], ws, id)
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", id, err)
		}
		if now != "" {
			running = append(running, id)
		}
	}
	return running, nil
}

// awaitWatchdog waits until the watchdog of a job that was killed has done its
// work: until then what it is about to thaw or stop is in no state to judge.
func awaitWatchdog(ctx context.Context, journal string) error {
	file, err := os.Open(journal)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	defer func() { _ = file.Close() }() // only read, and the lock goes with it
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the watchdog of what was interrupted: %w", ctx.Err())
		case <-time.After(askAgain):
		}
	}
}
