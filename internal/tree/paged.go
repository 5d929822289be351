package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// base returns what is stored of a paged file, whether or not it has changed
// since, or nil.
func (r *record) base() *record {
	if r.spilled != nil {
		return r.spilled.base
	}
	if r.pages == nil {
		return nil
	}
	return r
}

// isPaged reports whether an entry is compared and restored page by page.
func (e *Entry) isPaged() bool { return e.Recipe != nil }

// isWhole reports whether all content of a record is stored, if that of the
// chunks it names is.
func (r *record) isWhole() bool { return !r.isPaged() || r.Recipe.isWhole() }

// pagedFile reads a paged file. While it is frozen, only what differs is
// copied, or all of it cloned, which takes no time.
func (r *reader) pagedFile(ctx context.Context, fd int, rec *record) (err error) {
	base := r.bases[rec.Path]
	if r.spill == nil {
		if base.isOf(rec) {
			if err := r.complete(ctx, fileAt(fd), rec, base); !errors.Is(err, errOtherPages) {
				return err
			}
		}
		return r.paged(ctx, fileAt(fd), rec, base)
	}
	if rec.spilled = r.spill.clones.add(fd, rec.Size); rec.spilled == nil {
		if base != nil {
			p := newPager(fileAt(fd), &rec.Entry, base)
			p.again = base.pagesIn(Run.isUnstored)
			return r.spillPages(ctx, p, rec)
		}
		if rec.spilled, err = r.spill.copy(fd, rec.Size, rec.Holes); err != nil {
			return err
		}
	}
	rec.spilled.base = base
	return nil
}

// fromSpill stores what Take has put in the spill.
func (r *reader) fromSpill(ctx context.Context, rec *record) error {
	s := rec.spilled
	switch {
	case s.pages != nil:
		return r.storeSpans(ctx, rec)
	case r.opts.paged(rec.Path, rec.Size):
		return r.paged(ctx, s.whole(rec.Size), rec, s.base)
	}
	return r.ingest(ctx, dataOf(s.whole(rec.Size), rec.Size, rec.Holes), rec)
}

// paged reads a paged file and stores the pages that differ from its base.
func (r *reader) paged(ctx context.Context, from io.ReaderAt, rec, base *record) error {
	p := newPager(from, &rec.Entry, base)
	if r.sink != nil {
		p.again = toStoreAgain(base)
	}
	var stores []*pagestore
	if err := p.run(ctx, func() keeper {
		stores = append(stores, &pagestore{sink: r.sink})
		return stores[len(stores)-1]
	}); err != nil {
		return err
	}
	r.read += dataSize(&rec.Entry)
	var pieces []piece
	for _, s := range stores {
		pieces = append(pieces, s.pieces...)
	}
	rec.pages, rec.Digest = p.pages, p.digest()
	splice(&rec.Entry, base, pieces)
	return nil
}

// toStoreAgain selects those pages of a base that are stored anew even if
// they did not change: those that are not stored, and the rest of chunks of
// which the file has no use for more than half. Without the latter a chunk
// would live for one page of it.
func toStoreAgain(base *record) []bool {
	if base == nil {
		return nil
	}
	used := base.Recipe.used()
	return base.pagesIn(func(run Run) bool {
		return run.isUnstored() || run.Chunk >= 0 && used[run.Chunk]*2 < base.Recipe.Pages[run.Chunk]
	})
}

func (r Run) isUnstored() bool { return r.Chunk == unstored }

// pagesIn selects the pages in certain runs of a paged file. It returns nil if there
// are none.
func (r *record) pagesIn(wanted func(Run) bool) []bool {
	if !slices.ContainsFunc(r.Recipe.Runs, wanted) {
		return nil
	}
	pages := make([]bool, pagesOf(r.Size))
	at := int64(0)
	for _, run := range r.Recipe.Runs {
		if wanted(run) {
			for i := range run.Pages {
				pages[at+i] = true
			}
		}
		at += run.Pages
	}
	return pages
}

// attemptsAt returns how often a file is read that changes meanwhile. While
// everything is live, a file that a database writes to is read once: Take
// looks again anyway.
func (r *reader) attemptsAt(n *node) int {
	if r.sink != nil && r.spill == nil && n.typ == Regular && r.opts.paged(n.path, n.stamp.size) {
		return 1
	}
	return attempts
}

// without returns what is left to compare a paged file with if the sink lacks
// some of its chunks: their pages are unstored. Of other files nothing is left.
func (r *record) without(known []bool) *record {
	if !r.isPaged() {
		return nil
	}
	base := *r
	recipe := &Recipe{Pages: r.Recipe.Pages, Runs: slices.Clone(r.Recipe.Runs)}
	for i := range recipe.Runs {
		if run := &recipe.Runs[i]; run.Chunk >= 0 && !known[run.Chunk] {
			*run = Run{Chunk: unstored, Pages: run.Pages}
		}
	}
	base.Recipe, base.stored = recipe, true
	return &base
}

// remember keeps what is stored of a paged file that is to be read.
func (p *pass) remember(base *record, n *node) {
	if base == nil || n.typ != Regular || !p.opts.paged(n.path, n.stamp.size) {
		return
	}
	if p.bases == nil {
		p.bases = make(map[string]*record)
	}
	p.bases[n.path] = base
}

// confirmBases asks the sink for the chunks of bases that it has not seen.
func (p *pass) confirmBases(ctx context.Context) error {
	for path, base := range p.bases {
		if base.stored {
			continue
		}
		var known []bool
		for ids := range slices.Chunk(base.Chunks, askAtOnce) {
			some, err := p.sink.Known(ctx, ids)
			if err != nil {
				return fmt.Errorf("ask for chunks: %w", err)
			}
			known = append(known, some...)
		}
		p.bases[path] = base.without(known)
	}
	return nil
}
