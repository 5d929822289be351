package tree

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dogear/kind"
)

// Fixer is a Capture that can fix one thing after the other where the tree as
// a whole does not hold still.
type Fixer interface {
	// Fix fixes what the patterns select as it is now, and Take leaves it at
	// that. Called again it fixes it anew; with keep, what was fixed already
	// stays, also if it has gone by now: for files that never change and are
	// removed once their content is elsewhere. Fix reports whether it found
	// just what it had found the last time, so that nothing of it was another
	// way in between.
	Fix(ctx context.Context, patterns []kind.Pattern, keep bool) (same bool, err error)
}

var _ Fixer = (*capture)(nil)

// fixed is what Fix has fixed.
type fixed struct {
	patterns []kind.Pattern
	opts     Options // of the tree without what was fixed before
	records  []record
	nodes    []node // of the last walk
}

// Fix implements Fixer.
func (c *capture) Fix(ctx context.Context, patterns []kind.Pattern, keep bool) (bool, error) {
	if err := c.makeSpill(); err != nil {
		return false, err
	}
	f := c.fixedBy(patterns)
	nodes, err := f.walk(ctx, c.root)
	if err != nil {
		return false, err
	}
	if f.nodes != nil && sameNodes(f.nodes, nodes) && f.covers(nodes) {
		return true, nil
	}
	records, err := c.reuse(ctx, nodes, f.records)
	if err != nil {
		return false, err
	}
	if err := c.copyAll(ctx, nodes, records); err != nil {
		return false, err
	}
	copyLinks(nodes, records)
	records = slices.DeleteFunc(records, func(r record) bool { return r.Type == 0 })
	if keep && f.nodes != nil {
		records = merge(records, f.records)
	}
	f.nodes, f.records = nodes, records
	return false, nil
}

// covers reports whether all nodes were read just as they are.
func (f *fixed) covers(nodes []node) bool {
	r := 0
	for i := range nodes {
		n := &nodes[i]
		for r < len(f.records) && kind.CompareNames(f.records[r].Path, n.path) < 0 {
			r++
		}
		if r == len(f.records) || f.records[r].Path != n.path || n.typ != Boundary && f.records[r].stamp != n.stamp {
			return false
		}
	}
	return true
}

// fixedBy returns what was fixed with the patterns; the first time, what is
// known of it.
func (c *capture) fixedBy(patterns []kind.Pattern) *fixed {
	for _, f := range c.fixed {
		if slices.Equal(f.patterns, patterns) {
			return f
		}
	}
	f := &fixed{patterns: patterns, opts: c.opts}
	c.opts.Skip = slices.Concat(c.opts.Skip, patterns)
	c.records = slices.DeleteFunc(c.records, func(r record) bool {
		selected := kind.MatchAny(patterns, r.Path)
		if selected {
			f.records = append(f.records, r)
		}
		return selected
	})
	c.fixed = append(c.fixed, f)
	return f
}

// walk stats what the patterns select, and nothing else.
func (f *fixed) walk(ctx context.Context, root int) ([]node, error) {
	v, err := walkWithin(ctx, root, f.opts, f.patterns)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(v.nodes, func(n node) bool { return !kind.MatchAny(f.patterns, n.path) }), nil
}

// merge returns the records of both, which are sorted, each path once; those of
// a win.
func merge(a, b []record) []record {
	all := make([]record, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		c := kind.CompareNames(a[0].Path, b[0].Path)
		if c <= 0 {
			all, a = append(all, a[0]), a[1:]
		} else {
			all = append(all, b[0])
		}
		if c >= 0 {
			b = b[1:]
		}
	}
	return append(append(all, a...), b...)
}

// joinFixed puts what was fixed and what was taken together.
func (c *capture) joinFixed() error {
	if len(c.fixed) == 0 {
		return nil
	}
	for _, f := range c.fixed {
		c.records = merge(f.records, c.records)
	}
	c.fixed, c.held = nil, kind.Interval{} // the parts are not of one moment
	folders := make(map[string]bool)
	for i := range c.records {
		r := &c.records[i]
		if dir, _ := split(r.Path); r.Path != "" && !folders[dir] {
			return fmt.Errorf("%s: %w", kind.Printable(r.Path), errMoved)
		}
		folders[r.Path] = r.Type == Folder
	}
	return nil
}

var errMoved = errors.New("its directory was removed while it was captured; try again")
