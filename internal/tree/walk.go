package tree

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"dogear/kind"
)

// node is an entry as a walk sees it: nothing but its stamp.
type node struct {
	path  string
	typ   Type
	stamp stamp
	// sparse says that a file has fewer blocks than its size needs.
	sparse bool
	mount  bool  // something is mounted there
	err    error // why the entries of a directory could not be listed
}

// view is what a walk saw, in the order of kind.CompareNames: a directory's
// entries are sorted by name and each is followed by what is below it.
type view struct {
	nodes []node
	stale []string // temporary files that a killed Apply left
}

// walk stats every entry of the tree that is looked at.
func walk(ctx context.Context, root int, opts Options) (*view, error) {
	return walkWithin(ctx, root, opts, opts.Only)
}

// walkWithin stats what the patterns select, and the directories on the way
// there; everything if there are none.
func walkWithin(ctx context.Context, root int, opts Options, within []kind.Pattern) (*view, error) {
	ends := endsAt(opts.Nested)
	w := newWalker(opts.Skip)
	w.within = within
	w.ends = func(n *node, _ *unix.Statx_t) bool { return ends(n) }
	top := &folder{node: node{typ: Folder}}
	var err error
	if top.node.stamp, _, err = status(root, ""); err != nil {
		return nil, err
	}
	return w.view(ctx, root, top)
}

// leadsTo reports whether the patterns select path, or may select something
// below it.
func leadsTo(patterns []kind.Pattern, path string) bool {
	return slices.ContainsFunc(patterns, func(p kind.Pattern) bool { return p.Match(path) || p.LeadsThrough(path) })
}

// maxQueued bounds the directories that are open and wait to be listed.
const maxQueued = 64

// walker walks a tree, several directories at a time.
type walker struct {
	skip   []kind.Pattern
	within []kind.Pattern // if any, all that is looked for
	// ends reports whether an entry is a Boundary.
	ends func(n *node, st *unix.Statx_t) bool
	// enter opens a directory of the tree.
	enter func(parent int, name string) (int, error)
	// lenient leaves out what cannot be looked at, and notes that it did.
	lenient bool
	leftOut atomic.Bool

	queue chan *folder
	open  sync.WaitGroup // folders that are not dealt with
}

func newWalker(skip []kind.Pattern) *walker {
	return &walker{skip: skip, enter: openDir, queue: make(chan *folder, maxQueued)}
}

// view walks from an open root.
func (w *walker) view(ctx context.Context, root int, top *folder) (*view, error) {
	// Opened anew, to be listed from its beginning whatever was before.
	if err := w.run(ctx, root, top); err != nil {
		return nil, err
	}
	v := &view{nodes: make([]node, 0, top.count())}
	top.flatten(v)
	return v, nil
}

// folder is a directory with what is in it.
type folder struct {
	node    node
	fd      int
	entries []node
	folders []*folder // of those entries that are directories and were entered
	stale   []string
}

func (w *walker) run(ctx context.Context, root int, top *folder) error {
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			l := &lister{walker: w, buf: make([]byte, 64<<10)}
			var first error
			for f := range w.queue { // to the end, so that all are closed
				first = errors.Join(first, l.list(ctx, f))
			}
			return first
		})
	}
	w.open.Add(1)
	err := w.openInto(top, root, ".")
	if err == nil {
		w.queue <- top
	} else {
		w.open.Done()
	}
	w.open.Wait()
	close(w.queue)
	return group.Wait()
}

// openInto opens a directory for list, and notes why if it cannot be opened.
func (w *walker) openInto(f *folder, parent int, name string) error {
	fd, err := w.enter(parent, name)
	if err != nil {
		f.node.err = err
		return err
	}
	f.fd = fd
	return nil
}

// flatten appends a folder and all below it.
func (f *folder) flatten(v *view) {
	v.nodes = append(v.nodes, f.node)
	v.stale = append(v.stale, f.stale...)
	below := f.folders
	for i := range f.entries {
		n := &f.entries[i]
		if len(below) > 0 && below[0].node.path == n.path {
			below[0].flatten(v)
			below = below[1:]
			continue
		}
		v.nodes = append(v.nodes, *n)
	}
}

func (f *folder) count() int {
	n := 1 + len(f.entries) - len(f.folders)
	for _, sub := range f.folders {
		n += sub.count()
	}
	return n
}

// lister is one goroutine of a walker.
type lister struct {
	*walker
	buf []byte
}

// list stats the entries of a directory and closes it. Those that are
// directories are left to whoever is free, or dealt with at once.
func (l *lister) list(ctx context.Context, f *folder) (err error) {
	defer l.open.Done()
	defer func() { err = errors.Join(err, unix.Close(f.fd)) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	names, err := l.names(f.fd)
	if err != nil {
		f.node.err = err
		return nil
	}
	f.entries = make([]node, 0, len(names))
	for _, name := range names {
		if err := l.visit(ctx, f, name); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) visit(ctx context.Context, f *folder, name string) error {
	path := join(f.node.path, name)
	if kind.MatchAny(l.skip, path) || len(l.within) > 0 && !leadsTo(l.within, path) {
		return nil
	}
	var st unix.Statx_t
	err := statx(f.fd, name, &st)
	if errors.Is(err, unix.ENOENT) {
		return nil // removed since it was listed
	}
	if err != nil && l.lenient {
		l.leftOut.Store(true)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", kind.Printable(path), err)
	}
	n := node{path: path, stamp: stampOf(&st), sparse: isSparse(&st), mount: isMount(&st)}
	n.typ = n.stamp.kind()
	switch {
	case n.typ != Folder && isTemporary(name):
		f.stale = append(f.stale, path)
		return nil
	case l.ends(&n, &st):
		n = node{path: path, typ: Boundary}
	case n.typ == Folder:
		return l.folder(ctx, f, name, n)
	}
	f.entries = append(f.entries, n)
	return nil
}

func (l *lister) folder(ctx context.Context, f *folder, name string, n node) error {
	sub := &folder{node: n}
	f.entries = append(f.entries, node{path: n.path})
	f.folders = append(f.folders, sub)
	if l.openInto(sub, f.fd, name) != nil {
		return nil
	}
	l.open.Add(1)
	select {
	case l.queue <- sub:
		return nil
	default:
		return l.list(ctx, sub)
	}
}

// names returns the names in a directory, sorted.
func (l *lister) names(fd int) ([]string, error) {
	var names []string
	for {
		n, err := unix.ReadDirent(fd, l.buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		if n <= 0 {
			break
		}
		_, _, names = unix.ParseDirent(l.buf[:n], -1, names)
	}
	slices.Sort(names)
	return names, nil
}

// sameNodes reports whether two walks saw the same.
func sameNodes(a, b []node) bool {
	return slices.EqualFunc(a, b, func(x, y node) bool {
		return x.path == y.path && x.typ == y.typ && x.stamp == y.stamp
	})
}

// temporaryPrefix begins the names of files that Apply stages; 16
// hexadecimal digits follow. They are never part of a tree.
const temporaryPrefix = ".dogear-"

func isTemporary(name string) bool {
	rest, ok := strings.CutPrefix(name, temporaryPrefix)
	if !ok || len(rest) != 16 {
		return false
	}
	return strings.Trim(rest, "0123456789abcdef") == ""
}
