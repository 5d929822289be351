package tree

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// node is an entry as a walk sees it: nothing but its stamp.
type node struct {
	path  string
	typ   Type
	stamp stamp
	err   error // why the entries of a directory could not be listed
}

// walker walks a tree, in the order of kind.CompareNames: a directory's
// entries are sorted by name and each is followed by what is below it.
type walker struct {
	opts   Options
	nested map[string]bool
	buf    []byte
	nodes  []node
	stale  []string // temporary files that a killed Apply left
}

// walk stats every entry of the tree.
func walk(ctx context.Context, root int, opts Options) (*walker, error) {
	w := &walker{opts: opts, nested: make(map[string]bool), buf: make([]byte, 64<<10)}
	for _, path := range opts.Nested {
		w.nested[path] = true
	}
	s, _, err := status(root, "")
	if err != nil {
		return nil, err
	}
	w.nodes = append(w.nodes, node{typ: Folder, stamp: s})
	// Opened anew, to be listed from its beginning whatever was before.
	return w, w.enter(ctx, root, ".", "")
}

// below walks the entries of an open directory.
func (w *walker) below(ctx context.Context, fd int, path string, names []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, name := range names {
		if err := w.visit(ctx, fd, name, join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) visit(ctx context.Context, parent int, name, path string) error {
	if kind.MatchAny(w.opts.Skip, path) {
		return nil
	}
	s, mounted, err := status(parent, name)
	if errors.Is(err, unix.ENOENT) {
		return nil // removed since it was listed
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if s.kind() != Folder && isTemporary(name) {
		w.stale = append(w.stale, path)
		return nil
	}
	if mounted || w.nested[path] {
		w.nodes = append(w.nodes, node{path: path, typ: Boundary})
		return nil
	}
	w.nodes = append(w.nodes, node{path: path, typ: s.kind(), stamp: s})
	if s.kind() == Folder {
		return w.enter(ctx, parent, name, path)
	}
	return nil
}

func (w *walker) enter(ctx context.Context, parent int, name, path string) (err error) {
	at := len(w.nodes) - 1
	fd, err := openDir(parent, name)
	if err != nil {
		w.nodes[at].err = err
		return nil
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	names, err := w.list(fd)
	if err != nil {
		w.nodes[at].err = err
		return nil
	}
	return w.below(ctx, fd, path, names)
}

// list returns the names in a directory, sorted.
func (w *walker) list(fd int) ([]string, error) {
	var names []string
	for {
		n, err := unix.ReadDirent(fd, w.buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		if n <= 0 {
			break
		}
		_, _, names = unix.ParseDirent(w.buf[:n], -1, names)
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
