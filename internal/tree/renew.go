package tree

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// renew reads what a plan has written and renews the stat index, so that who
// looks next opens nothing that was not changed since. Chunks are those of the
// manifest, which the store has, wherever the content is that of the manifest.
func (d *Dir) renew(ctx context.Context, root int, opts Options, p *plan) error {
	if opts.Index == nil {
		return nil
	}
	written := p.written()
	nodes, err := nodesOf(root, written)
	if err != nil {
		return err
	}
	if wait := untilSettled(nodes, d.now()); wait <= tick { // or it is read again by who looks next
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
	known := p.seen.records
	nodes, inHand, err := p.holding.records(nodes, d.now)
	if err != nil {
		return err
	}
	reading := pass{root: root, opts: opts, now: d.now}
	records, err := reading.run(ctx, nodes, known)
	if err != nil {
		return err
	}
	records = merge(records, inHand)
	for i := range records {
		records[i].adopt(written[records[i].Path])
	}
	records = merged(known, records, p.gone(written))
	setGroups(records)
	_, err = saveIndex(opts.Index, records, room(root), p.seen.indexed)
	return err
}

// written lists what a plan makes or changes, by path.
func (p *plan) written() map[string]*Entry {
	written := make(map[string]*Entry)
	for _, actions := range [][]action{p.folders, p.files, p.links, p.metas, p.dirs} {
		for _, a := range actions {
			written[a.want.Path] = a.want
		}
	}
	return written
}

// gone selects those live entries of which nothing is known any more.
func (p *plan) gone(written map[string]*Entry) map[string]bool {
	gone := make(map[string]bool, len(written)+len(p.removals))
	for path := range written {
		gone[path] = true
	}
	for _, a := range p.removals {
		gone[a.live.Path] = true
	}
	return gone
}

// nodesOf returns the nodes of entries that are there, sorted.
func nodesOf(root int, entries map[string]*Entry) (_ []node, err error) {
	paths := make([]string, 0, len(entries))
	for path := range entries {
		paths = append(paths, path)
	}
	slices.SortFunc(paths, kind.CompareNames)
	dirs := opener{root: root}
	defer func() { err = errors.Join(err, dirs.forget()) }()
	nodes := make([]node, 0, len(paths))
	for _, path := range paths {
		n, err := dirs.node(path)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func (o *opener) node(path string) (node, error) {
	dir, name := o.root, ""
	if path != "" {
		var err error
		if dir, name, err = o.parent(path); err != nil {
			return node{}, err
		}
	}
	var st unix.Statx_t
	if err := statx(dir, name, &st); err != nil {
		return node{}, err
	}
	n := node{path: path, stamp: stampOf(&st), sparse: isSparse(&st)}
	n.typ = n.stamp.kind()
	return n, nil
}

// untilSettled returns how long it takes until no change can hide behind the
// stamps of nodes any more. What is from the future is not waited for.
func untilSettled(nodes []node, now time.Time) time.Duration {
	wait := time.Duration(0)
	for i := range nodes {
		s := &nodes[i].stamp
		if left := s.settles().Sub(now); left > wait && !s.ctime.time().After(now) {
			wait = left
		}
	}
	return wait
}

// pause waits, unless there is nothing to wait for.
func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// adopt takes the chunks of an entry with the same content: they are known to
// be stored.
func (r *record) adopt(e *Entry) {
	if e == nil || r.Type != Regular || e.Type != Regular || !sameContent(r, e) {
		return
	}
	if r.isPaged() || slices.Equal(r.Holes, e.Holes) {
		r.Chunks, r.Recipe = e.Chunks, e.Recipe
	}
}

// merged puts records in place of those that are gone.
func merged(known, records []record, gone map[string]bool) []record {
	left := make([]record, 0, len(known))
	for i := range known {
		if !gone[known[i].Path] {
			left = append(left, known[i])
		}
	}
	return merge(records, left)
}
