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
	walked
	records []record
	stale   []string // temporary files that a killed Apply left
	indexed int      // records that the stat index has now
}

// scan returns the live tree, read once in a look at it.
func (d *Dir) scan(ctx context.Context, opts Options) (scanned, error) {
	found, err := opts.Shared.Once(d.name(opts), func() (any, error) { return d.read(ctx, opts) })
	if err != nil {
		return scanned{}, err
	}
	return found.(scanned), nil
}

// name is that of what is read of the tree in one look.
func (d *Dir) name(opts Options) string {
	return fmt.Sprintf("tree %q %q %q %q %q", d.root, opts.Nested, opts.Skip, opts.InPlace, opts.Only)
}

// read reads the live tree and renews the stat index.
func (d *Dir) read(ctx context.Context, opts Options) (_ scanned, err error) {
	root, err := d.openRoot()
	if err != nil {
		return scanned{}, err
	}
	defer func() { err = errors.Join(err, unix.Close(root)) }()
	load := loadBeside(opts.Index)
	p := pass{root: root, opts: opts, now: d.now}
	w, stale, err := d.look(ctx, &p)
	known := load()
	if err != nil {
		return scanned{}, err
	}
	records, err := p.run(ctx, w.nodes, known)
	if err != nil {
		return scanned{}, err
	}
	setGroups(records)
	indexed, err := saveIndex(opts.Index, records, room(root), len(known))
	return scanned{walked: w, records: records, stale: stale, indexed: indexed}, err
}

// look walks the tree, unless the same look at the workspace has done so.
func (d *Dir) look(ctx context.Context, p *pass) (walked, []string, error) {
	if found, ok := p.opts.Shared.Known(surveyName); ok && len(p.opts.Only) == 0 {
		w, stale, ok, err := found.(*surveyed).below(ctx, d.root, p)
		if ok || err != nil {
			return w, stale, err
		}
	}
	return p.look(ctx)
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
