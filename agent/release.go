package agent

import (
	"context"
	"errors"
	"fmt"

	"dogear/kind"
	"dogear/snapshot"
	"dogear/store"
)

// releaseKept has drivers drop what restores have kept beside the live items,
// once nothing can be undone with it.
func (a *Agent) releaseKept(ctx context.Context, j *job, d desk) error {
	events, err := a.store.Events(ctx, d.ID)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	if !mayHaveKept(events) {
		return nil
	}
	if last, err := lastUndoable(events); err == nil {
		if _, err := a.store.Snapshot(ctx, undoTarget(last)); !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if a.jobs.claim(j, d.Root) != nil {
		return nil // somebody is at work there: another time
	}
	items, err := snapshot.Find(ctx, a.Drivers, d.kind)
	if err != nil {
		return err
	}
	for _, driver := range a.Drivers {
		exchanger, ok := driver.(kind.Exchanger)
		if !ok {
			continue
		}
		var own []kind.Item
		for _, it := range items {
			if it.ID.Kind == driver.Kind() {
				own = append(own, it)
			}
		}
		if err := exchanger.Release(ctx, d.kind, own); err != nil {
			return fmt.Errorf("drop what restores have kept: %w", err)
		}
	}
	return nil
}

// mayHaveKept reports whether anything was ever restored without the tree that
// holds it.
func mayHaveKept(events []snapshot.Event) bool {
	for _, e := range events {
		switch e.Operation {
		case snapshot.OpRestore, snapshot.OpUndo:
			return true
		}
	}
	return false
}
