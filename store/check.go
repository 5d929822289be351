package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"dogear/kind"
	"dogear/snapshot"
	"dogear/store/catalog"
	"dogear/store/chunk"
)

// Report is what Check found.
type Report struct {
	Snapshots int       `json:"snapshots"`
	Packs     int       `json:"packs"`
	Chunks    int       `json:"chunks"`
	Bytes     int64     `json:"bytes"`    // of packs
	Problems  []Problem `json:"problems"` // sorted; never nil
}

// Problem is something that is wrong with a store.
type Problem struct {
	Where string `json:"where"` // a file, as it is called in the store, or a snapshot
	What  string `json:"what"`
}

// Whole reports whether nothing is wrong.
func (r Report) Whole() bool { return len(r.Problems) == 0 }

// Check compares the catalog with the packs and records that it lists, both
// ways, and looks for every chunk that a snapshot refers to. With readData it
// also reads every pack from beginning to end and hashes every chunk. Captures
// may go on meanwhile; what they commit after the start is not looked at. The
// error says that the check could not be carried out, not what it found.
//
// Chunks that are found damaged are noted in the catalog: another copy is used
// in their place if there is one, and captures store their content anew.
func (s *Store) Check(ctx context.Context, readData bool) (Report, error) {
	return s.CheckTelling(ctx, readData, func(int64, int64) {})
}

// CheckTelling is Check for somebody who waits: it tells how many bytes of
// packs are checked, and how many there are.
func (s *Store) CheckTelling(ctx context.Context, readData bool, tell func(done, all int64)) (Report, error) {
	done, err := s.tend(ctx)
	if err != nil {
		return Report{}, err
	}
	defer done()
	c := &check{store: s, readData: readData, tell: tell, report: Report{Problems: []Problem{}}}
	err = c.run(ctx)
	if errors.Is(err, catalog.ErrDamaged) {
		c.problem(catalogFile, err)
		err = nil
	}
	if err != nil {
		return Report{}, fmt.Errorf("check store: %w", err)
	}
	sortProblems(c.report.Problems)
	return c.report, nil
}

func sortProblems(problems []Problem) {
	slices.SortFunc(problems, func(a, b Problem) int {
		return strings.Compare(a.Where+"\x00"+a.What, b.Where+"\x00"+b.What)
	})
}

// check is one check under way.
type check struct {
	store    *Store
	readData bool
	tell     func(done, all int64)
	report   Report

	packs     []catalog.Pack                   // listed
	damaged   map[string]map[kind.ChunkID]bool // what was noted before, by pack
	packFiles []string                         // there
	records   []*recordCheck
	copies    []string // second copies of deletions
}

func (c *check) run(ctx context.Context) error {
	if err := c.store.catalog.Verify(); err != nil {
		c.problem(catalogFile, err)
		return nil // what it says is not worth comparing, and may not be read
	}
	if _, err := c.store.readSecret(); err != nil {
		c.problem(formatFile+", "+keyFile, err)
	}
	if err := c.look(); err != nil {
		return err
	}
	if err := c.checkPacks(ctx); err != nil {
		return err
	}
	if err := c.useCopies(ctx); err != nil {
		return err
	}
	for _, r := range c.records {
		if err := c.checkRecords(ctx, r); err != nil {
			return err
		}
	}
	if err := c.checkCopies(); err != nil {
		return err
	}
	if err := c.checkChain(); err != nil {
		return err
	}
	return ctx.Err() // a cancelled check finds problems that are none
}

// look notes what is there while nothing is being made visible.
func (c *check) look() (err error) {
	c.store.publishing.Lock()
	defer c.store.publishing.Unlock()
	if c.packs, err = c.store.catalog.Packs(); err != nil {
		return err
	}
	if c.packFiles, err = namesIn(c.store.path(packsDir), chunk.Extension); err != nil {
		return err
	}
	for _, kind := range recordKinds() {
		r, err := c.store.newRecordCheck(kind)
		if err != nil {
			return err
		}
		c.records = append(c.records, r)
	}
	if c.copies, err = namesIn(c.store.path(snapshotsDir), deletedExtension); err != nil {
		return err
	}
	return c.checkOrder()
}

func (c *check) problem(where string, err error) {
	c.report.Problems = append(c.report.Problems, Problem{Where: where, What: err.Error()})
}

func (c *check) checkPacks(ctx context.Context) error {
	listed := make(map[string]bool, len(c.packs))
	for _, p := range c.packs {
		listed[p.Name] = true
	}
	for _, name := range c.packFiles {
		if !listed[name] {
			c.problem(c.packTitle(name), errors.New("it is not in the catalog"))
		}
	}
	places, err := c.store.placed()
	if err != nil {
		return err
	}
	if c.damaged, err = c.store.damagedCopies(); err != nil {
		return err
	}
	checked, all := int64(0), int64(0)
	for _, p := range c.packs {
		all += p.Size
	}
	for _, p := range c.packs {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.tell(checked, all)
		checked += p.Size
		c.report.Chunks += places[p.Name]
		if err := c.checkPack(ctx, p, places[p.Name]); err != nil {
			c.problem(c.packTitle(p.Name), err)
		}
	}
	c.report.Packs = len(c.packs)
	return nil
}

func (c *check) packTitle(name string) string { return c.store.title(c.store.packPath(name)) }

// placed returns how many chunks the catalog has in each pack.
func (s *Store) placed() (map[string]int, error) {
	places := make(map[string]int)
	err := s.catalog.EachChunk(func(_ kind.ChunkID, where catalog.Location) error {
		places[where.Pack]++
		return nil
	})
	return places, err
}

// checkPack compares a pack with what the catalog lists of it, and the catalog
// with itself: listed is how many chunks it has in the pack.
func (c *check) checkPack(ctx context.Context, p catalog.Pack, listed int) error {
	index, size, err := c.store.openPack(p.Name)
	if err != nil {
		return errors.Join(err, c.lose(p))
	}
	c.report.Bytes += size
	if _, err := c.store.compareIndex(p, index, size, listed); err != nil {
		return err
	}
	if !c.readData {
		return c.known(p)
	}
	damaged, err := c.store.reader.Verify(ctx, c.store.packPath(p.Name))
	if ctx.Err() != nil {
		return nil // and so is the check
	}
	return errors.Join(err, c.store.catalog.SetDamaged(p, damaged))
}

// openPack reads what a pack says about itself.
func (s *Store) openPack(name string) (index chunk.Index, size int64, err error) {
	index, size, err = chunk.OpenIndex(s.packPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		err = errMissing
	}
	return index, size, err
}

var errMissing = fmt.Errorf("its file is missing: %w", ErrDamaged)

// compareIndex compares what a pack says about itself with what the catalog
// says, and returns the chunks that the catalog has there. A chunk may be
// listed in another pack that has it too, or not at all if it was garbage: of
// those the catalog keeps count.
func (s *Store) compareIndex(p catalog.Pack, index chunk.Index, size int64, listed int) ([]chunk.Entry, error) {
	if size != p.Size {
		return nil, fmt.Errorf("it is %d bytes long, the catalog says %d: %w", size, p.Size, ErrDamaged)
	}
	own, err := s.catalog.Placed(p, index.Chunks)
	if err != nil {
		return nil, err
	}
	if len(own) != listed || len(own) != int(p.Chunks) {
		return nil, fmt.Errorf("the catalog says %d chunks, and lists %d, of which it has %d: %w", p.Chunks, listed, len(own), ErrDamaged)
	}
	return own, nil
}

// checkSnapshot looks for every chunk that a snapshot refers to.
func (c *check) checkSnapshot(ctx context.Context, record []byte) error {
	c.report.Snapshots++
	snap, err := decode[snapshot.Snapshot](record, typeSnapshot)
	if err != nil {
		return err
	}
	return complete(ctx, c.store, snap)
}
