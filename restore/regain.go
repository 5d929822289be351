package restore

import (
	"context"
	"fmt"
	"slices"

	"dogear/kind"
	"dogear/snapshot"
)

// regain makes again what went by being stopped, with all that went along with
// it, as the safety snapshot has it: a container that its engine removes on
// exit, and its anonymous volumes. Everything is as the safety snapshot says
// then, but for that it does not run. What is there is left alone.
func regain(ctx context.Context, drivers []kind.Driver, ws *kind.Workspace, safety *snapshot.Snapshot, source kind.Source, stopped []kind.ID) error {
	if len(stopped) == 0 {
		return nil
	}
	items, err := snapshot.Find(ctx, drivers, ws)
	if err != nil {
		return err
	}
	there := make(map[kind.ID]bool, len(items))
	for _, it := range items {
		there[it.ID] = true
	}
	byKind := snapshot.ByKind(drivers)
	needs := func(id kind.ID) []kind.ID {
		part, _ := safety.Part(id)
		return part.Needs
	}
	for _, id := range slices.Concat(snapshot.Levels(stopped, needs)...) {
		if there[id] {
			continue
		}
		for _, lost := range append(slices.Clone(needs(id)), id) {
			part, ok := safety.Part(lost)
			if _, resting := byKind[lost.Kind].(kind.Resting); !ok || !resting || there[lost] {
				continue
			}
			if err := byKind[lost.Kind].Restore(ctx, ws, part.Part, source); err != nil {
				return fmt.Errorf("make %s again: %w", lost, err)
			}
			there[lost] = true
		}
	}
	return nil
}

// gone lists those of the given items that can run, and are not there.
func (d *desk) gone(ids []kind.ID) []kind.ID {
	return slices.DeleteFunc(slices.Clone(ids), func(id kind.ID) bool {
		_, live := d.live[id]
		_, runs := d.drivers[id.Kind].(kind.Stopper)
		return live || !runs
	})
}
