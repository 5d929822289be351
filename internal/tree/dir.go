package tree

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// Dir is a directory tree on this host.
type Dir struct {
	root string
	now  func() time.Time // the clock by which the kernel stamps files
}

var _ Tree = (*Dir)(nil)

// New returns the tree at root, an absolute path. The root need not exist;
// its last component must be no link.
func New(root string) *Dir { return &Dir{root: root, now: time.Now} }

// openRoot opens the root. The caller closes it.
func (d *Dir) openRoot() (int, error) {
	fd, err := unix.Open(d.root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return -1, kind.ErrGone
	}
	if err != nil {
		return -1, fmt.Errorf("root of the tree: %w", err)
	}
	return fd, nil
}

// Entries yields the live entries.
func (d *Dir) Entries(ctx context.Context, opts Options) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		live, err := d.scan(ctx, opts)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		entriesOf(live.records)(yield)
	}
}

// scanned is the state of a live tree. It may be shared: nobody changes it.
type scanned struct {
	records []record
	stale   []string // temporary files that a killed Apply left
}

// scan returns the live tree, read once in a look at it.
func (d *Dir) scan(ctx context.Context, opts Options) (scanned, error) {
	name := fmt.Sprintf("tree %q %q %q %q", d.root, opts.Nested, opts.Skip, opts.InPlace)
	found, err := opts.Shared.Once(name, func() (any, error) { return d.read(ctx, opts) })
	if err != nil {
		return scanned{}, err
	}
	return found.(scanned), nil
}

// read reads the live tree and renews the stat index.
func (d *Dir) read(ctx context.Context, opts Options) (_ scanned, err error) {
	root, err := d.openRoot()
	if err != nil {
		return scanned{}, err
	}
	defer func() { err = errors.Join(err, unix.Close(root)) }()
	known := loadBeside(opts.Index)
	v, err := walk(ctx, root, opts)
	records := known()
	if err != nil {
		return scanned{}, err
	}
	p := pass{root: root, opts: opts, now: d.now}
	records, err = p.run(ctx, v.nodes, records)
	if err != nil {
		return scanned{}, err
	}
	setGroups(records)
	return scanned{records: records, stale: v.stale}, saveIndex(opts.Index, records)
}

func entriesOf(records []record) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for i := range records {
			if !yield(records[i].Entry, nil) {
				return
			}
		}
	}
}
