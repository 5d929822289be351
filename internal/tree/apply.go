package tree

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"dogear/kind"
)

// Compare says what Apply would do.
func (d *Dir) Compare(ctx context.Context, opts Options, manifest kind.Object, source kind.Source) (Changes, error) {
	name := fmt.Sprintf("%s %q %q %s", d.name(opts), opts.Alike, opts.Within, manifest.Chunks)
	changes, err := opts.Shared.Once(name, func() (any, error) {
		p, err := d.plan(ctx, opts, manifest, source)
		if err != nil {
			return nil, err
		}
		return p.changes, nil
	})
	if err != nil {
		return Changes{}, err
	}
	return changes.(Changes).clip(), nil
}

// clip lets callers append to the lists of changes that are shared.
func (c Changes) clip() Changes {
	c.Chunks, c.Pieces, c.Details = slices.Clip(c.Chunks), slices.Clip(c.Pieces), slices.Clip(c.Details)
	c.Gaps, c.Conflicts = slices.Clip(c.Gaps), slices.Clip(c.Conflicts)
	return c
}

// Apply makes the live tree what the manifest says.
//
// Every name has its old content or all of its new one, at any time. All is
// on disk when Apply returns: the file system is synced once, since a run that
// was cut short is run again anyway.
func (d *Dir) Apply(ctx context.Context, opts Options, manifest kind.Object, source kind.Source) (Changes, error) {
	p, err := d.planOpened(ctx, opts, manifest, source)
	if err != nil {
		return Changes{}, err
	}
	if p.changes.None() && len(p.stale) == 0 {
		return p.changes, nil
	}
	if err := d.makeRoot(); err != nil {
		return Changes{}, err
	}
	return p.changes, d.carryOut(ctx, opts, p, source)
}

// readWanted returns the entries of a manifest that belong to the tree. They
// may be shared: nobody changes them.
func readWanted(ctx context.Context, opts Options, manifest kind.Object, source kind.Source) ([]Entry, error) {
	read, err := opts.Kept.Once(fmt.Sprintf("manifest %s", manifest.Chunks), func() (any, error) {
		return readManifest(ctx, manifest, source)
	})
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	all := read.([]Entry)
	if len(opts.Skip) == 0 && len(opts.Alike) == 0 {
		return all, nil
	}
	want := make([]Entry, 0, len(all))
	for _, e := range all {
		if e.Path == "" || !kind.MatchAny(opts.Skip, e.Path) && !kind.MatchAny(opts.Alike, e.Path) {
			want = append(want, e)
		}
	}
	return want, nil
}

func readManifest(ctx context.Context, manifest kind.Object, source kind.Source) ([]Entry, error) {
	var all []Entry
	for e, err := range ReadManifest(ctx, source, manifest) {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// plan compares the live tree with a manifest.
func (d *Dir) plan(ctx context.Context, opts Options, manifest kind.Object, source kind.Source) (*plan, error) {
	var want []Entry
	var reading errgroup.Group
	reading.Go(func() (err error) {
		want, err = readWanted(ctx, opts, manifest, source)
		return err
	})
	live, err := d.scan(ctx, opts)
	if unread := reading.Wait(); unread != nil {
		return nil, unread
	}
	if err != nil && !errors.Is(err, kind.ErrGone) {
		return nil, err
	}
	compared, want, conflicts := within(opts.Within, live.withoutAlike(opts), want)
	p := makePlan(opts, compared, want)
	p.seen, p.stale = scanned{records: live.records, indexed: live.indexed}, live.stale
	if p.changes.Conflicts, err = d.survey(p, opts.InPlace); err != nil {
		return nil, fmt.Errorf("look for obstacles: %w", err)
	}
	p.changes.Conflicts = append(conflicts, p.changes.Conflicts...)
	return p, nil
}

// withoutAlike returns the records of what is compared.
func (s scanned) withoutAlike(opts Options) []record {
	if len(opts.Alike) == 0 {
		return s.records
	}
	return slices.DeleteFunc(slices.Clone(s.records), func(r record) bool { return kind.MatchAny(opts.Alike, r.Path) })
}

// survey returns why a plan cannot be carried out.
func (d *Dir) survey(p *plan, databases []kind.Pattern) (_ []string, err error) {
	if p.changes.None() {
		return nil, nil
	}
	root, err := d.openRoot()
	switch {
	case errors.Is(err, kind.ErrGone):
		root = -1 // nothing is there to be looked at
	case err != nil:
		return nil, err
	default:
		defer func() { err = errors.Join(err, unix.Close(root)) }()
	}
	return p.survey(root, databases)
}

// planOpened plans, and opens directories of our own that we may not list, so
// that what is in them can be compared. Their modes then differ, and are set
// at the end.
func (d *Dir) planOpened(ctx context.Context, opts Options, manifest kind.Object, source kind.Source) (*plan, error) {
	last := ""
	for {
		p, err := d.plan(ctx, opts, manifest, source)
		if err != nil {
			return nil, err
		}
		if len(p.changes.Conflicts) > 0 {
			return nil, errors.New(strings.Join(p.changes.Conflicts, "; "))
		}
		if len(p.closed) == 0 {
			return p, nil
		}
		first := p.closed[0].path() // directories further in follow
		if first == last {
			return nil, fmt.Errorf("%s cannot be listed", kind.Printable(orDot(first)))
		}
		if err := d.unlock(ctx, p.closed); err != nil {
			return nil, err
		}
		last = first
		opts.Shared = nil // what was shut is to be read now
	}
}

func (d *Dir) unlock(ctx context.Context, closed []action) (err error) {
	root, err := d.openRoot()
	if err != nil {
		return err
	}
	w := newWriter(root, nil)
	defer func() { err = errors.Join(err, w.close(), unix.Close(root)) }()
	return w.each(ctx, closed, w.unlock)
}

// makeRoot makes the root if it is not there. Its attributes are set as those
// of any directory, later.
func (d *Dir) makeRoot() error {
	err := os.MkdirAll(d.root, 0o700)
	if err != nil {
		return fmt.Errorf("make root of the tree: %w", err)
	}
	return nil
}

func (d *Dir) carryOut(ctx context.Context, opts Options, p *plan, source kind.Source) (err error) {
	root, err := d.openRoot()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(root)) }()
	if opts.Index != nil {
		p.holding = &holding{}
		defer func() { err = errors.Join(err, p.holding.release()) }()
	}
	if err := p.sequence(ctx, root, source); err != nil {
		return err
	}
	if err := unix.Syncfs(root); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return d.renew(ctx, root, opts, p)
}

// sequence carries out the steps of a plan.
func (p *plan) sequence(ctx context.Context, root int, source kind.Source) error {
	w := newWriter(root, source)
	steps := []func() error{
		func() error { return w.each(ctx, p.unlocks, w.unlock) },
		func() error { return w.sweep(p.stale) },
		func() error { return w.each(ctx, p.removals, w.remove) },
		func() error { return w.each(ctx, p.folders, w.folder) },
		func() error { return p.writeAll(ctx, root, source) },
		func() error { return w.each(ctx, p.links, w.link) },
		func() error { return w.each(ctx, p.metas, w.meta) },
		func() error { return w.each(ctx, p.dirs, w.meta) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return errors.Join(err, w.close())
		}
	}
	p.changes.Gaps = append(p.changes.Gaps, w.gaps...)
	return w.close()
}

// writeAll writes contents, several files at a time.
func (p *plan) writeAll(ctx context.Context, root int, source kind.Source) error {
	next := make(chan []action)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(next)
		return feed(ctx, next, loads(p.files))
	})
	writers := make([]*writer, workers)
	for i := range writers {
		writers[i] = newWriter(root, source)
		writers[i].holding = p.holding
		group.Go(func() error { return writers[i].files(ctx, next) })
	}
	err := group.Wait()
	var cloned []string
	for _, w := range writers {
		p.changes.Gaps = append(p.changes.Gaps, w.gaps...)
		cloned = append(cloned, w.cloned...)
	}
	p.dirs = append(p.reportClones(cloned), p.dirs...) // they keep their modes, so it matters to nobody that they are first
	return err
}

// What one goroutine writes without being asked for more: neighbours, whose
// contents lie near each other, but not so many that the others run dry.
const (
	loadFiles = 64
	loadBytes = 4 << 20
)

// loads divides actions into loads. The largest files come first, so that
// nobody is left with one at the end.
func loads(actions []action) [][]action {
	var large, rest [][]action
	for len(actions) > 0 {
		n, size := 0, int64(0)
		for n < len(actions) && n < loadFiles && size < loadBytes {
			size += actions[n].want.Size
			n++
		}
		if load := actions[:n:n]; size > loadBytes {
			large = append(large, load)
		} else {
			rest = append(rest, load)
		}
		actions = actions[n:]
	}
	slices.SortStableFunc(large, func(a, b []action) int {
		return cmp.Compare(b[len(b)-1].want.Size, a[len(a)-1].want.Size)
	})
	return append(large, rest...)
}
