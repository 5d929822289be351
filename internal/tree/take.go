package tree

import (
	"context"
	"slices"
	"time"

	"dogear/kind"
)

// rounds is how often Take looks for two walks that agree.
const rounds = 3

// walked is a walk and the time it took.
type walked struct {
	nodes    []node
	from, to time.Time
}

// Take keeps what differs from the last pass, and walks again to prove that
// nothing moved meanwhile. Where nothing differs, one walk proves it. Of paged
// files the pages that differ are copied, of others all; where the file system
// can share blocks, large files of either sort are cloned.
//
// A walk sees no stores through a shared mapping to a page that was dirty
// before it began. Writers that map files have to be frozen for the proof to
// hold for them; Prepare sees theirs (see calm).
func (c *capture) Take(ctx context.Context) error {
	c.held, c.asFound = kind.Interval{}, false
	if err := c.makeSpill(); err != nil {
		return err
	}
	before, err := c.firstLook(ctx)
	if err != nil {
		return err
	}
	if since, ok := c.unchangedSince(before); ok {
		c.held, c.asFound = kind.Interval{From: since, To: before.from}, len(c.fixed) == 0
		return nil
	}
	var last walked
	for range rounds {
		if err := c.settle(ctx, &before); err != nil {
			return err
		}
		since := before.to
		moved, err := c.copy(ctx, before.nodes, nil)
		if err != nil {
			return err
		}
		after, _, err := c.look(ctx)
		if err != nil {
			return err
		}
		if !moved && sameNodes(before.nodes, after.nodes) {
			c.held = kind.Interval{From: since, To: after.from}
			return nil
		}
		last, before = before, after
	}
	return c.concede(ctx, last.nodes, before.nodes)
}

// unchangedSince returns the moment from which the tree is known to be what
// the records say, if w saw just what Prepare saw and read: when Prepare's walk
// was over, and no change could hide behind its stamps any more.
func (c *capture) unchangedSince(w walked) (time.Time, bool) {
	if c.prepared.nodes == nil || len(c.records) != len(w.nodes) || !sameNodes(c.prepared.nodes, w.nodes) {
		return time.Time{}, false
	}
	since := c.prepared.to
	for i := range w.nodes {
		n, r := &w.nodes[i], &c.records[i]
		if n.typ != Boundary && !r.holds(n) {
			return time.Time{}, false
		}
		if settled := n.stamp.settles(); settled.After(since) {
			since = settled
		}
	}
	return since, !since.After(w.from)
}

// concede ends a Take that found no two walks that agree. What has to be read
// first stays as it is, so that it is older than all it may refer to.
func (c *capture) concede(ctx context.Context, last, nodes []node) error {
	moving := make(map[string]bool)
	for i := range nodes {
		moving[nodes[i].path] = true
	}
	for i := range last {
		if n := &last[i]; has(nodes, n) {
			delete(moving, n.path)
		}
	}
	if _, err := c.copy(ctx, nodes, c.opts.First); err != nil {
		return err
	}
	for i := range c.records {
		if r := &c.records[i]; r.Type == Regular && moving[r.Path] {
			r.Unstable = true
		}
	}
	return nil
}

// has reports whether a walk saw the node just as it is.
func has(nodes []node, n *node) bool {
	i, found := slices.BinarySearchFunc(nodes, n.path, func(n node, path string) int {
		return kind.CompareNames(n.path, path)
	})
	return found && nodes[i].typ == n.typ && nodes[i].stamp == n.stamp
}

// look walks the tree. It also returns what a killed Apply left.
func (p *pass) look(ctx context.Context) (walked, []string, error) {
	from := p.now()
	v, err := walk(ctx, p.root, p.opts)
	if err != nil {
		return walked{}, nil, err
	}
	return walked{nodes: v.nodes, from: from, to: p.now()}, v.stale, nil
}

// settle waits until a change can no longer hide behind the stamps of a walk:
// a tick of the kernel's clock if something was written right before it.
func (c *capture) settle(ctx context.Context, w *walked) error {
	wait := untilSettled(w.nodes, w.to)
	if wait == 0 {
		return nil
	}
	if err := pause(ctx, wait); err != nil {
		return err
	}
	w.to = c.now()
	return nil
}

// copy brings the records up to the nodes of a walk, copying content raw, and
// reports whether something moved meanwhile. Entries that keep selects are
// left as they were recorded, if they were.
func (c *capture) copy(ctx context.Context, nodes []node, keep []kind.Pattern) (bool, error) {
	records, err := c.reuse(ctx, nodes, c.records)
	if err != nil {
		return false, err
	}
	if len(keep) > 0 {
		c.restoreKept(nodes, records, keep)
	}
	if err := c.copyAll(ctx, nodes, records); err != nil {
		return false, err
	}
	copyLinks(nodes, records)
	moved := false
	for i := range records {
		moved = moved || records[i].stamp != nodes[i].stamp
	}
	c.records = slices.DeleteFunc(records, func(r record) bool { return r.Type == 0 })
	return moved, nil
}

// restoreKept puts back the records of those nodes that keep selects.
func (c *capture) restoreKept(nodes []node, records []record, keep []kind.Pattern) {
	known := make(map[string]*record)
	for i := range c.records {
		if r := &c.records[i]; kind.MatchAny(keep, r.Path) {
			known[r.Path] = r
		}
	}
	for i := range nodes {
		if r := known[nodes[i].path]; r != nil {
			records[i] = *r
		}
	}
}

func (c *capture) copyAll(ctx context.Context, nodes []node, records []record) error {
	r := newReader(c.root, c.opts, c.sink, c.now, c.bases)
	r.lasting = c.lasting
	r.spill = c.spill
	next := make(chan []int, 1)
	next <- c.missing(nodes, records)
	close(next)
	return r.records(ctx, nodes, records, next)
}

func (c *capture) makeSpill() (err error) {
	if c.spill == nil {
		c.spill, err = newSpill(c.root)
	}
	return err
}
