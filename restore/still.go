package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dogear/kind"
)

// holdBack keeps what stands still from being started by what it runs on, also
// if this process or the machine ends here: it is started once all is whole.
func (d *desk) holdBack(ctx context.Context, ids []kind.ID) error {
	return inParallel(ctx, len(ids), ids, func(ctx context.Context, id kind.ID) error {
		driver, ok := d.drivers[id.Kind].(kind.SelfStarter)
		if !ok {
			return nil
		}
		if err := driver.HoldBack(ctx, d.ws, id); err != nil {
			return fmt.Errorf("hold %s back: %w", id, err)
		}
		return nil
	})
}

// errStarted ends a restore, however exact its bytes: what runs may have read
// what they were before, and writes.
var errStarted = errors.New("somebody else has started it while it was to stand still: it may have read what was only half restored, and written to it. " +
	"Leave it stopped until the restore is done, and try again")

// assertStill makes sure that nobody has started what has to stand still.
func (d *desk) assertStill(ctx context.Context, ids []kind.ID) error {
	ids = slices.Compact(slices.SortedFunc(slices.Values(ids), kind.ID.Compare))
	return inParallel(ctx, len(ids), ids, func(ctx context.Context, id kind.ID) error {
		freezer, ok := d.drivers[id.Kind].(kind.Freezer)
		if !ok {
			return nil
		}
		run, err := freezer.Incarnation(ctx, d.ws, id)
		switch {
		case errors.Is(err, kind.ErrGone):
			return nil
		case err != nil:
			return fmt.Errorf("look whether %s runs: %w", id, err)
		case run != "":
			return fmt.Errorf("%s: %w", id, errStarted)
		}
		return nil
	})
}

// still lists what has to stand still until all is restored, and what was made
// anew.
func (r *run) still() []kind.ID {
	ids := slices.Concat(r.plan.Quiet, r.stopped)
	for _, s := range r.plan.Steps {
		if s.comesOrGoes() {
			ids = append(ids, s.Part)
		}
	}
	return ids
}
