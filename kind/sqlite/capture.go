package sqlite

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	stored "dogear/internal/content"
	"dogear/kind"
)

// capture is one capture of a database: a private copy, made when the state
// is fixed (or before, if it does not change any more) and read when
// everything runs again.
type capture struct {
	ws      *kind.Workspace
	item    kind.Item
	sink    kind.Sink
	reading *reading
	looks   []look
	owner   owner
	part    kind.Part
}

// look is what the stamp was at one time.
type look struct {
	at    time.Time
	stamp stamp
}

// Open begins a capture.
func (d *Driver) Open(ctx context.Context, ws *kind.Workspace, item kind.Item, sink kind.Sink) (kind.Capture, error) {
	h, err := d.homeOf(ctx, ws, item)
	if err != nil {
		return nil, err
	}
	c := &capture{
		ws: ws, item: item, sink: sink, reading: newReading(ws, item, h),
		part: kind.Part{ID: item.ID, Needs: item.Needs, RunsIn: item.RunsIn, Claims: item.Claims},
	}
	if c.wantsDump() {
		c.reading.accept = func(dump *kind.Object) bool { return dump != nil && c.isStored(ctx, *dump) }
	}
	if housed, ok := h.(*housed); ok && !c.reading.large {
		return openHoused(ctx, housed, c)
	}
	return c, nil
}

func (c *capture) wantsDump() bool { return c.ws.DumpOf(c.item.ID) != "never" }

// isStored reports whether the store still has all of a dump.
func (c *capture) isStored(ctx context.Context, dump kind.Object) bool {
	known, err := c.sink.Known(ctx, dump.Chunks)
	return err == nil && !slices.Contains(known, false)
}

// Prepare copies the files: those that change until Take are copied again.
func (c *capture) Prepare(ctx context.Context) error { return c.fix(ctx) }

// Take copies the files that changed since.
func (c *capture) Take(ctx context.Context) error { return c.fix(ctx) }

func (c *capture) fix(ctx context.Context) error {
	if err := c.reading.fix(ctx); err != nil {
		return err
	}
	if local, ok := c.reading.home.(*inTheWorkspace); ok {
		info, err := os.Lstat(local.unit().path)
		if err != nil {
			return err
		}
		c.owner = ownerOf(info)
	}
	c.glance(ctx)
	return nil
}

// glance adds a look. An error is no news: the file may be gone by now.
func (c *capture) glance(ctx context.Context) {
	if stamp, err := c.reading.home.stamp(ctx); err == nil {
		c.looks = append(c.looks, look{at: time.Now(), stamp: stamp})
	}
}

// Finish reads the copy, and stores it.
func (c *capture) Finish(ctx context.Context) (kind.Part, error) {
	c.glance(ctx)
	c.part.Held = c.held()
	return c.finish(ctx)
}

func (c *capture) finish(ctx context.Context) (kind.Part, error) {
	facts, err := c.reading.facts(ctx)
	if err != nil {
		return kind.Part{}, err
	}
	if err := c.dump(ctx); err != nil {
		return kind.Part{}, err
	}
	if err := c.reading.remember(facts); err != nil {
		return kind.Part{}, err
	}
	m := meta{Facts: facts, Owner: c.owner, Large: c.reading.large}
	object, err := stored.PutJSON(ctx, c.sink, metaObject, m)
	if err != nil {
		return kind.Part{}, err
	}
	c.part.Objects = append(c.part.Objects, object)
	c.part.Facts = kind.Stream(facts.facts())
	return c.part, nil
}

// dump stores the database as one file, or says why not.
func (c *capture) dump(ctx context.Context) error {
	r := c.reading
	switch {
	case r.large:
		c.gap("dump, and rows as facts", fmt.Sprintf("%d MB: its files are compared byte by byte and come back with %s", r.size>>20, c.tree()))
		return nil
	case r.unreadable != nil:
		c.gap("dump, and tables and rows as facts", "SQLite cannot read it, so its files are compared byte by byte: "+r.unreadable.Error())
		return nil
	case !c.wantsDump():
		c.gap("dump", "not wanted (--dumps never): its files come back with "+c.tree())
		return nil
	case r.copy != nil:
		if err := c.store(ctx); err != nil {
			return err
		}
	}
	c.part.Objects = append(c.part.Objects, *r.dump)
	return nil
}

// store stores the copy, which is complete in one file now: SQLite has folded
// the log into it, or rolled back what was not committed. Its pages are those
// of the original, so what the tree has stored of it is not stored again.
func (c *capture) store(ctx context.Context) error {
	f, err := c.reading.copy.whole()
	if err != nil {
		return err
	}
	object, err := stored.PutBlocks(ctx, c.sink, databaseObject, f)
	if err := closeAfter(f, err); err != nil {
		return err
	}
	c.reading.dump = &object
	c.part.Read = object.Size
	return nil
}

// tree names what the files lie in.
func (c *capture) tree() string {
	for _, id := range c.item.Needs {
		return id.String()
	}
	return "their tree"
}

func (c *capture) gap(what, why string) {
	c.part.Gaps = append(c.part.Gaps, kind.Gap{Part: c.item.ID, What: what, Why: why})
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
