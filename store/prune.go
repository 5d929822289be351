package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"dogear/internal/atomicfile"
	"dogear/kind"
	"dogear/store/catalog"
	"dogear/store/chunk"
)

// groupSize bounds what is collected at a time: so much has to fit on the disk
// beside the packs that it replaces, and so long do captures wait at most.
const (
	groupSize   = 64 << 20
	groupChunks = 50_000
)

// PruneOptions say how to prune.
type PruneOptions struct {
	DryRun bool // say what would be done
}

// PruneReport is what Prune did.
type PruneReport struct {
	Chunks    int   `json:"chunks"` // that are gone
	Freed     int64 `json:"freed"`  // bytes of packs
	Removed   int   `json:"removed"`
	Rewritten int   `json:"rewritten"`
	Kept      int   `json:"kept"`
	// Problems are packs that had to stay because they are damaged.
	Problems []Problem `json:"problems,omitempty"`
}

// Prune collects the chunks that neither a snapshot, nor an open session, nor
// a Hold needs. Packs without any other are removed, packs that are mostly
// garbage are rewritten, others stay. Captures and restores may go on
// meanwhile.
//
// It removes nothing if it is not certain what is needed, or where it is: if a
// snapshot is damaged, or if the catalog and the packs contradict each other.
func (s *Store) Prune(ctx context.Context, opts PruneOptions) (PruneReport, error) {
	done, err := s.tend(ctx)
	if err != nil {
		return PruneReport{}, err
	}
	defer done()
	p := &prune{Store: s, roots: s.newRoots()}
	if err := p.run(ctx, opts); err != nil {
		return p.report, s.explain(fmt.Errorf("prune store: %w", err))
	}
	return p.report, nil
}

// prune is one collection under way.
type prune struct {
	*Store
	roots   *roots
	damaged map[string]map[kind.ChunkID]bool // what is noted, by pack
	report  PruneReport
	frugal  bool // the disk is full
}

func (p *prune) run(ctx context.Context, opts PruneOptions) error {
	victims, err := p.plan(ctx)
	if err != nil {
		return err
	}
	p.step("planned")
	if opts.DryRun {
		p.preview(victims)
		return nil
	}
	return errors.Join(p.collectAll(ctx, victims), p.makeReserve())
}

// collectAll collects from all victims, in groups. On a full disk it goes on
// from one pack to the next, and gives up the reserve.
func (p *prune) collectAll(ctx context.Context, victims []*victim) error {
	for len(victims) > 0 {
		group, before := nextGroup(victims), p.report
		err := p.collect(ctx, group)
		if isFull(err) {
			p.frugal = true
			group = victims[:1]
			err = p.MakingRoom(func() error {
				p.report = before
				return p.collect(ctx, group)
			})
		}
		if err != nil {
			return err
		}
		victims = victims[len(group):]
	}
	return nil
}

// plan returns the packs to collect from, those with the most garbage first:
// they give the space that rewriting the others takes.
func (p *prune) plan(ctx context.Context) ([]*victim, error) {
	if err := p.roots.add(ctx); err != nil {
		return nil, err
	}
	if err := p.roots.addUnlisted(ctx); err != nil {
		return nil, err
	}
	packs, err := p.catalog.Packs()
	if err != nil {
		return nil, err
	}
	places, err := p.placed()
	if err != nil {
		return nil, err
	}
	if p.damaged, err = p.damagedCopies(); err != nil {
		return nil, err
	}
	var victims []*victim
	for _, pack := range packs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v, err := p.look(pack, places[pack.Name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w (nothing was removed; dogear repair first)", p.title(p.packPath(pack.Name)), err)
		}
		if v.worthIt() {
			victims = append(victims, v)
		} else {
			p.report.Kept++
		}
	}
	slices.SortStableFunc(victims, func(a, b *victim) int { return cmp.Compare(a.live, b.live) })
	return victims, nil
}

// nextGroup returns the first victims, as many as can be collected at a time.
func nextGroup(victims []*victim) []*victim {
	bytes, chunks := int64(0), 0
	for i, v := range victims {
		bytes += v.live
		chunks += v.chunks
		if i > 0 && (bytes > groupSize || chunks > groupChunks) {
			return victims[:i]
		}
	}
	return victims
}

// preview counts what collectAll would do.
func (p *prune) preview(victims []*victim) {
	for _, v := range victims {
		p.count(v)
		p.report.Freed -= v.live
	}
}

func (p *prune) count(v *victim) {
	p.report.Chunks += v.chunks - len(v.keep)
	p.report.Freed += v.pack.Size
	if len(v.keep) == 0 {
		p.report.Removed++
	} else {
		p.report.Rewritten++
	}
}

// collect condemns the garbage of some packs, moves the rest to new ones, and
// removes them.
func (p *prune) collect(ctx context.Context, group []*victim) error {
	group, err := p.condemn(ctx, group)
	if err != nil {
		return err
	}
	p.step("condemned")
	packer := chunk.NewPacker(p.Incoming(), randomName)
	moved, packs, err := p.move(ctx, packer, group)
	if err == nil {
		err = p.replace(moved, packs)
	}
	if err != nil {
		return errors.Join(err, packer.Abort())
	}
	p.step("replaced")
	return p.unlink(moved)
}

// condemn looks once more at what is needed, while nobody can be told that a
// chunk is there, and unlists the rest. It drops packs that do not pay any
// more.
func (p *prune) condemn(ctx context.Context, group []*victim) ([]*victim, error) {
	p.reaching.Lock()
	defer p.reaching.Unlock()
	if err := p.roots.add(ctx); err != nil {
		return nil, err
	}
	var worth []*victim
	var condemned []catalog.Unlist
	for _, v := range group {
		v = p.again(v)
		if !v.worthIt() {
			p.report.Kept++
			continue
		}
		worth = append(worth, v)
		condemned = append(condemned, catalog.Unlist{Pack: v.pack, Chunks: v.condemned})
	}
	if p.frugal {
		return worth, p.condemnSlowly(condemned)
	}
	return worth, p.catalog.Condemn(condemned)
}

// condemnAtOnce bounds the pages that a transaction takes: no more of them
// change than entries.
const condemnAtOnce = 400

// condemnSlowly takes no more space than the reserve has.
func (p *prune) condemnSlowly(condemned []catalog.Unlist) error {
	for _, u := range condemned {
		for some := range slices.Chunk(u.Chunks, condemnAtOnce) {
			if err := p.catalog.Condemn([]catalog.Unlist{{Pack: u.Pack, Chunks: some}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// move writes what is to be kept into new packs, durable and read back. A pack
// that cannot be read stays.
func (p *prune) move(ctx context.Context, packer *chunk.Packer, group []*victim) ([]*victim, []chunk.Pack, error) {
	var moved []*victim
	for _, v := range group {
		err := p.copyTo(ctx, packer, v)
		if errors.Is(err, ErrDamaged) {
			p.report.Kept++
			p.report.Problems = append(p.report.Problems, Problem{Where: p.title(p.packPath(v.pack.Name)), What: err.Error()})
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		moved = append(moved, v)
	}
	packs, err := packer.Finish()
	return moved, packs, err
}

func (p *prune) copyTo(ctx context.Context, packer *chunk.Packer, v *victim) error {
	var buf []byte
	for _, e := range v.keep {
		content, err := p.reader.Chunk(ctx, p.packPath(v.pack.Name), e.ID, e.Location, buf)
		if err != nil {
			return err
		}
		if err := packer.Put(e.ID, content); err != nil {
			return err
		}
		buf = content[:0]
	}
	return nil
}

// replace puts the new packs in place, durable, and lists them in place of the
// old ones.
func (p *prune) replace(old []*victim, packs []chunk.Pack) error {
	p.publishing.Lock()
	defer p.publishing.Unlock()
	removed := make([]catalog.Pack, 0, len(old))
	for _, v := range old {
		removed = append(removed, v.pack)
	}
	err := p.placePacks(packs)
	if err == nil {
		p.step("packs placed")
		err = p.catalog.Replace(removed, packs)
	}
	if err != nil {
		return errors.Join(err, p.unplace(packs))
	}
	for _, v := range old {
		p.count(v)
	}
	for _, pack := range packs {
		p.report.Freed -= pack.Size
	}
	return nil
}

// unplace removes packs again, unless it is not certain that they are not
// listed.
func (p *prune) unplace(packs []chunk.Pack) error {
	listed, err := p.catalog.Packs()
	if err != nil {
		return err
	}
	var errs []error
	for _, pack := range packs {
		if !slices.ContainsFunc(listed, func(l catalog.Pack) bool { return l.Name == pack.Name }) {
			errs = append(errs, removeIfThere(p.packPath(pack.Name)))
		}
	}
	return errors.Join(errs...)
}

// unlink removes packs that are not listed any more.
func (p *prune) unlink(old []*victim) error {
	for _, v := range old {
		if err := removeIfThere(p.packPath(v.pack.Name)); err != nil {
			return err
		}
		p.step("unlinked")
	}
	return atomicfile.SyncDir(p.path(packsDir))
}
