package restore

import (
	"context"
	"slices"
	"time"

	"dogear/kind"
)

// making is how long an engine may take for what it was asked to make by a
// process that is gone.
const making = 5 * time.Second

// awaitMade waits for what runs and a process that was killed may just have asked
// for: it would come to be after everybody has looked, and stay.
func (b Rollback) awaitMade(ctx context.Context) error {
	for {
		since := time.Since(b.Interrupted)
		if since < 0 || since > making { // the clock may have been set back
			return nil
		}
		d, err := look(ctx, b.Drivers, b.Workspace, wholly(&b.Safety), b.Source)
		if err != nil || !b.mayAppear(d) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(removePause):
		}
	}
}

// mayAppear reports whether something that was to be made is not there.
func (b Rollback) mayAppear(d *desk) bool {
	return slices.ContainsFunc(b.Journal.Plan.Steps, func(s Step) bool {
		_, live := d.live[s.Part]
		_, runs := d.drivers[s.Part.Kind].(kind.Stopper)
		return runs && !live && s.comesOrGoes() && s.Action != kind.ActionRemove && slices.Contains(b.Journal.Begun, s.Part)
	})
}
