package tree

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// capture is a Capture of a Dir. Its records are sorted by path and are, at
// any time, the best that is known of the tree.
type capture struct {
	pass
	begun    bool     // records were loaded from the index
	indexed  int      // so many
	seen     *scanned // in the same look, before; nil for nothing
	records  []record
	prepared walked // the last walk of Prepare
	held     kind.Interval
	asFound  bool // by Prepare: Take found nothing else
	spill    *spill
	fixed    []*fixed // in the order of the calls
}

var _ interface {
	Capture
	Foreseer
} = (*capture)(nil)

// Capture begins a capture of the tree.
func (d *Dir) Capture(_ context.Context, opts Options, sink kind.Sink) (Capture, error) {
	root, err := d.openRoot()
	if err != nil {
		return nil, err
	}
	c := &capture{pass: pass{root: root, opts: opts, sink: sink, now: d.now}}
	if found, ok := opts.Shared.Take(d.name(opts)); ok {
		seen := found.(scanned)
		c.seen = &seen
	}
	return c, nil
}

// firstLook walks the tree and, the first time, takes over what the stat index
// knows of it.
func (c *capture) firstLook(ctx context.Context) (walked, error) {
	if c.begun {
		w, _, err := c.look(ctx)
		return w, err
	}
	c.begun = true
	load := loadBeside(c.opts.Index)
	w, _, err := c.look(ctx)
	c.records = load()
	c.indexed = len(c.records)
	return w, err
}

// beginning is firstLook for Prepare: what was read of the tree in the look at
// the workspace that this capture belongs to will do, since Take looks again.
func (c *capture) beginning(ctx context.Context) (walked, error) {
	if c.seen == nil || c.begun {
		return c.firstLook(ctx)
	}
	seen := c.seen
	c.begun, c.seen = true, nil
	c.records, c.indexed = seen.records, seen.indexed
	return seen.walked, nil
}

// Prepare reads and stores what changed since the last time.
func (c *capture) Prepare(ctx context.Context) error {
	w, err := c.beginning(ctx)
	if err != nil {
		return err
	}
	records, err := c.run(ctx, w.nodes, c.records)
	if err != nil {
		return err
	}
	c.records, c.prepared = records, w
	return nil
}

// Read returns how many bytes of content were read so far.
func (c *capture) Read() int64 { return c.read }

// Finish stores what Take copied, and the manifest.
func (c *capture) Finish(ctx context.Context) (Result, error) {
	if err := c.joinFixed(); err != nil {
		return Result{}, err
	}
	delta := c.delta()
	if err := c.storeSpilled(ctx); err != nil {
		return Result{}, err
	}
	setGroups(c.records)
	manifest, err := putManifest(ctx, c.sink, c.records)
	if err != nil {
		return Result{}, err
	}
	if c.indexed, err = saveIndex(c.opts.Index, c.records, room(c.root), c.indexed); err != nil {
		return Result{}, err
	}
	return Result{
		Manifest:  manifest,
		Held:      c.held,
		Gaps:      gapsOf(c.records),
		Entries:   entriesOf(c.records),
		BytesRead: c.read,
		Delta:     delta,
	}, nil
}

// CameTrue implements Foreseer.
func (c *capture) CameTrue() (kind.Interval, bool) { return c.held, c.asFound }

// delta counts what lies in the spill.
func (c *capture) delta() (delta kind.Delta) {
	seen := make(map[*spilled]bool) // links share a piece
	for i := range c.records {
		switch s := c.records[i].spilled; {
		case s == nil || seen[s]:
		case s.pinned:
			seen[s] = true
			delta.Pinned++
		case s.in == c.spill.file:
			seen[s] = true
			delta.Copied++
		default:
			seen[s] = true
			delta.Cloned++
		}
	}
	return delta
}

func (c *capture) storeSpilled(ctx context.Context) error {
	r := newReader(c.root, c.opts, c.sink, c.now, nil)
	firsts := make(map[*spilled]*record) // links share a piece
	for i := range c.records {
		rec := &c.records[i]
		if rec.spilled == nil {
			continue
		}
		if first := firsts[rec.spilled]; first != nil {
			rec.Chunks, rec.Digest, rec.Recipe, rec.pages = first.Chunks, first.Digest, first.Recipe, first.pages
			continue
		}
		firsts[rec.spilled] = rec
		if err := r.fromSpill(ctx, rec); err != nil {
			return err
		}
	}
	for i := range c.records {
		rec := &c.records[i]
		rec.stored = rec.stored || rec.spilled != nil
		rec.spilled = nil
	}
	c.read += r.read
	return nil
}

// Close releases everything.
func (c *capture) Close() error {
	var errs []error
	if c.spill != nil {
		errs = append(errs, c.spill.close())
		c.spill = nil
	}
	if c.root >= 0 {
		errs = append(errs, unix.Close(c.root))
		c.root = -1
	}
	return errors.Join(errs...)
}
