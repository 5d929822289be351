package sqlite

import (
	"context"
	"errors"
	"fmt"

	"dogear/kind"
)

// housedCapture is the capture of a database in a volume: the tree engine fixes
// its files as it fixes those of the volume.
type housedCapture struct {
	*capture
	home *housed
	*fixing
}

var _ kind.Preparer = (*housedCapture)(nil)

func openHoused(ctx context.Context, h *housed, c *capture) (*housedCapture, error) {
	f, err := h.beginFixing(ctx)
	return &housedCapture{capture: c, home: h, fixing: f}, err
}

// Prepare reads the files while they may still be written to.
func (c *housedCapture) Prepare(ctx context.Context) error { return c.files.Prepare(ctx) }

// Take fixes the files.
func (c *housedCapture) Take(ctx context.Context) error { return c.files.Take(ctx) }

// Finish reads what was fixed, and stores it.
func (c *housedCapture) Finish(ctx context.Context) (kind.Part, error) {
	if err := c.fixing.finish(ctx); err != nil {
		return kind.Part{}, fmt.Errorf("get its files: %w", err)
	}
	now, err := c.found.stamp(c.name)
	if err != nil {
		return kind.Part{}, err
	}
	c.capture.owner, c.part.Held = c.fixing.owner(), c.fixing.held
	if !c.reading.knows(now) {
		var private *copied
		if c.fixing.held.IsZero() { // it was written to all the while
			private, err = c.home.copy(ctx)
		} else {
			private, err = c.fixing.copy(ctx)
		}
		if err != nil {
			return kind.Part{}, err
		}
		c.reading.hold(private)
		c.part.Held = private.held
	}
	return c.capture.finish(ctx)
}

// Close releases everything.
func (c *housedCapture) Close() error { return errors.Join(c.capture.Close(), c.fixing.close()) }
