package tree

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// surveyed is what a survey walked through. It may be shared: nobody changes it.
type surveyed struct {
	root  string
	from  time.Time
	view  *view
	whole bool // nothing was left out
	found []Sighting
}

// below returns what a walk of the tree at root would have seen, and false if
// the survey does not tell.
func (s *surveyed) below(ctx context.Context, root string, p *pass) (walked, []string, bool, error) {
	prefix, ok := strings.CutPrefix(root+"/", strings.TrimSuffix(s.root, "/")+"/")
	if !ok || !s.whole {
		return walked{}, nil, false, nil
	}
	c := cutting{pass: p, ends: endsAt(p.opts.Nested), view: &view{nodes: make([]node, 0, len(s.view.nodes))}}
	for i := range s.view.nodes {
		n, inside := s.view.nodes[i], false
		if n.path, inside = cutRoot(n.path, prefix); !inside {
			continue
		}
		if err := c.add(ctx, n); err != nil {
			return walked{}, nil, false, err
		}
	}
	if len(c.nodes) == 0 || c.nodes[0].path != "" || c.nodes[0].typ != Folder {
		return walked{}, nil, false, nil
	}
	return walked{nodes: c.nodes, from: s.from, to: p.now()}, c.stale, true, nil
}

// cutRoot returns a path relative to a root, "" or one that ends in "/", if it
// lies there.
func cutRoot(path, root string) (string, bool) {
	if root != "" && path == root[:len(root)-1] {
		return "", true
	}
	return strings.CutPrefix(path, root)
}

// endsAt returns what tells where a tree ends.
func endsAt(nested []string) func(*node) bool {
	set := make(map[string]bool)
	for _, path := range nested {
		set[path] = true
	}
	return func(n *node) bool { return n.mount || set[n.path] }
}

// cutting is a tree that is being cut out of a survey.
type cutting struct {
	*pass
	*view
	ends func(*node) bool
	shut string // nothing below it belongs to the tree; "" for nothing
}

// add does with a node what the walk of a tree does with what it comes upon.
func (c *cutting) add(ctx context.Context, n node) error {
	if c.shut != "" && strings.HasPrefix(n.path, c.shut+"/") {
		return nil
	}
	_, name := split(n.path)
	switch {
	case n.path == "":
	case kind.MatchAny(c.opts.Skip, n.path):
		c.shut = n.path
		return nil
	case n.typ != Folder && n.typ != Boundary && isTemporary(name):
		c.stale = append(c.stale, n.path)
		return nil
	case n.typ == Boundary || c.ends(&n):
		c.shut = n.path
		n = node{path: n.path, typ: Boundary}
	case n.typ == Folder && name == repositoryDir:
		return c.walkInto(ctx, n)
	}
	c.nodes = append(c.nodes, n)
	return nil
}

// walkInto walks a directory that a survey does not enter.
func (c *cutting) walkInto(ctx context.Context, n node) (err error) {
	dirs := opener{root: c.root}
	defer func() { err = errors.Join(err, dirs.forget()) }()
	dir, name, err := dirs.parent(n.path)
	if err != nil {
		return err
	}
	fd, err := openDir(dir, name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if n.err = err; err != nil {
		c.nodes = append(c.nodes, n)
		return nil
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if n.stamp, _, err = status(fd, ""); err != nil {
		return err
	}
	w := newWalker(c.opts.Skip)
	w.ends = func(n *node, _ *unix.Statx_t) bool { return c.ends(n) }
	v, err := w.view(ctx, fd, &folder{node: n})
	if err != nil {
		return err
	}
	c.nodes, c.stale = append(c.nodes, v.nodes...), append(c.stale, v.stale...)
	return nil
}
