package sqlite

import (
	"context"
	"time"

	"dogear/kind"
)

// capture is one capture of a database: a private copy, made when the state
// is fixed (or before, if it does not change any more) and read when
// everything runs again.
type capture struct {
	item    kind.Item
	reading *reading
	looks   []look
}

// look is what the stamp was at one time.
type look struct {
	at    time.Time
	stamp stamp
}

// Open begins a capture.
func (*Driver) Open(_ context.Context, ws *kind.Workspace, item kind.Item, _ kind.Sink) (kind.Capture, error) {
	return &capture{item: item, reading: newReading(ws, item)}, nil
}

// Prepare copies the files: those that change until Take are copied again.
func (c *capture) Prepare(ctx context.Context) error { return c.fix(ctx) }

// Take copies the files that changed since.
func (c *capture) Take(ctx context.Context) error { return c.fix(ctx) }

func (c *capture) fix(ctx context.Context) error {
	if err := c.reading.fix(ctx); err != nil {
		return err
	}
	c.glance()
	return nil
}

// glance adds a look. An error is no news: the file may be gone by now.
func (c *capture) glance() {
	if stamp, err := c.reading.unit.stamp(); err == nil {
		c.looks = append(c.looks, look{at: time.Now(), stamp: stamp})
	}
}

// Finish reads the copy.
func (c *capture) Finish(ctx context.Context) (kind.Part, error) {
	c.glance()
	facts, err := c.reading.facts(ctx)
	if err != nil {
		return kind.Part{}, err
	}
	part := kind.Part{
		ID: c.item.ID, Needs: c.item.Needs, RunsIn: c.item.RunsIn, Claims: c.item.Claims,
		Held: c.held(), Facts: kind.Stream(facts),
	}
	if why := c.reading.unreadable; why != nil {
		part.Gaps = []kind.Gap{{
			Part: c.item.ID, What: "tables and rows as facts",
			Why: "SQLite cannot read it, so its files are compared byte by byte: " + why.Error(),
		}}
	}
	return part, nil
}

// held is the time between the looks that saw the state that was fixed, and
// the time that copying it took.
func (c *capture) held() kind.Interval {
	var held kind.Interval
	if c.reading.copy != nil {
		held = c.reading.copy.held
	}
	for _, l := range c.looks {
		if l.stamp != c.reading.stamp {
			continue
		}
		if held.From.IsZero() || l.at.Before(held.From) {
			held.From = l.at
		}
		if l.at.After(held.To) {
			held.To = l.at
		}
	}
	return held
}

// Close removes the copy.
func (c *capture) Close() error { return c.reading.close() }
