package snapshot

import (
	"context"

	"dogear/kind"
)

// foresee stores what a capture will most likely fix, while everything runs, if
// something is to be stopped: its files are looked at again then, and as a rule
// nothing has changed.
func (r *round) foresee(ctx context.Context, c *capture) error {
	f, ok := c.Capture.(kind.Foreseer)
	if !ok || r.req.Stop == nil || !r.running.halts() {
		return nil
	}
	part, ok, err := f.Foresee(ctx)
	if err != nil || !ok {
		return err
	}
	stored, err := r.store(ctx, c, part)
	c.foreseen = &stored
	return err
}

// cameTrue reports whether what was foreseen of a capture is its part.
func (c *capture) cameTrue() bool {
	if c.foreseen == nil {
		return false
	}
	held, ok := c.Capture.(kind.Foreseer).CameTrue()
	if ok {
		c.part = *c.foreseen
		c.part.Held = held
	}
	return ok
}
