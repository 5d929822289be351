package store

import (
	"context"
	"errors"
	"fmt"
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
	Where string `json:"where"` // a file of the store, or a snapshot
	What  string `json:"what"`
}

// Whole reports whether nothing is wrong.
func (r Report) Whole() bool { return len(r.Problems) == 0 }

// Check compares the catalog with the packs and records that it lists, both
// ways, and looks for every chunk that a snapshot refers to. With readData it
// also reads every pack from beginning to end and hashes every chunk. Captures
// may go on meanwhile; what they commit after the start is not looked at. The
// error says that the check could not be carried out, not what it found.
func (s *Store) Check(ctx context.Context, readData bool) (Report, error) {
	c := &check{store: s, readData: readData, report: Report{Problems: []Problem{}}}
	if err := c.run(ctx); err != nil {
		return Report{}, fmt.Errorf("check store: %w", err)
	}
	slices.SortFunc(c.report.Problems, func(a, b Problem) int {
		return strings.Compare(a.Where+"\x00"+a.What, b.Where+"\x00"+b.What)
	})
	return c.report, nil
}

// check is one check under way.
type check struct {
	store    *Store
	readData bool
	report   Report

	packs     map[string]int64 // listed
	packFiles []string         // there
	records   []recordCheck
	order     error // what is wrong with the lists of snapshots by workspace
}

func (c *check) run(ctx context.Context) error {
	if err := c.look(); err != nil {
		return err
	}
	if err := c.checkPacks(ctx); err != nil {
		return err
	}
	for _, r := range c.records {
		if err := r.run(ctx, c); err != nil {
			return err
		}
	}
	if c.order != nil {
		c.problem(catalogFile, c.order)
	}
	return ctx.Err() // a cancelled check finds problems that are none
}

// look notes what is there while nothing is being made visible.
func (c *check) look() (err error) {
	c.store.publishing.Lock()
	defer c.store.publishing.Unlock()
	if c.packs, err = c.store.listedPacks(); err != nil {
		return err
	}
	if c.packFiles, err = namesIn(c.store.path(packsDir), chunk.Extension); err != nil {
		return err
	}
	if c.records, err = c.store.recordChecks(); err != nil {
		return err
	}
	c.order = c.store.checkOrder()
	return nil
}

// checkOrder compares the lists of snapshots by workspace with the one of all.
func (s *Store) checkOrder() error {
	all, err := s.catalog.Snapshots("")
	if err != nil {
		return err
	}
	workspaces, err := s.catalog.Workspaces()
	if err != nil {
		return err
	}
	listed := make(map[snapshot.ID]string)
	for _, w := range workspaces {
		own, err := s.catalog.Snapshots(w.ID)
		if err != nil {
			return err
		}
		for _, snap := range own {
			listed[snap.ID] = w.ID
		}
	}
	for _, snap := range all {
		if listed[snap.ID] != snap.Workspace.ID {
			return fmt.Errorf("snapshot %s is not listed under its workspace: %w", snap.ID, ErrDamaged)
		}
	}
	return nil
}

func (c *check) problem(where string, err error) {
	c.report.Problems = append(c.report.Problems, Problem{Where: where, What: err.Error()})
}

func (c *check) checkPacks(ctx context.Context) error {
	for _, name := range c.packFiles {
		if _, ok := c.packs[name]; !ok {
			c.problem("pack "+name, errors.New("it is not in the catalog"))
		}
	}
	placed := 0
	for name, size := range c.packs {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := c.checkPack(ctx, name, size)
		if err != nil {
			c.problem("pack "+name, err)
		}
		placed += n
	}
	c.report.Packs = len(c.packs)
	return c.checkPlaced(placed)
}

// checkPack returns how many chunks the catalog rightly says are in the pack.
func (c *check) checkPack(ctx context.Context, name string, listed int64) (placed int, err error) {
	path := c.store.packPath(name)
	index, size, err := chunk.OpenIndex(path)
	if err != nil {
		return 0, err
	}
	c.report.Bytes += size
	if size != listed {
		return 0, fmt.Errorf("it is %d bytes long, the catalog says %d: %w", size, listed, ErrDamaged)
	}
	for _, e := range index.Chunks {
		here, err := c.checkEntry(name, e)
		if err != nil {
			return placed, err
		}
		if here {
			placed++
		}
	}
	if c.readData {
		_, err = c.store.reader.Verify(ctx, path)
	}
	return placed, err
}

// checkEntry reports whether the catalog lists the chunk as being in this
// very place. It may list another pack that has it too.
func (c *check) checkEntry(pack string, e chunk.Entry) (bool, error) {
	where, found, err := c.store.catalog.Locate(e.ID)
	switch {
	case err != nil:
		return false, err
	case !found:
		return false, fmt.Errorf("chunk %s is not in the catalog", e.ID)
	case where.Pack == pack && where.Location != e.Location:
		// The same chunk twice in one pack is never written.
		return false, fmt.Errorf("the catalog has chunk %s elsewhere in the pack: %w", e.ID, ErrDamaged)
	}
	return where.Pack == pack, nil
}

// checkPlaced compares the number of chunks found in their place with those
// that are listed.
func (c *check) checkPlaced(placed int) error {
	err := c.store.catalog.EachChunk(func(_ kind.ChunkID, where catalog.Location) error {
		if _, ok := c.packs[where.Pack]; ok {
			c.report.Chunks++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if missing := c.report.Chunks - placed; missing != 0 {
		c.problem(catalogFile, fmt.Errorf("%d chunks are not where it says", missing))
	}
	return nil
}

// checkSnapshot looks for every chunk that a snapshot refers to.
func (c *check) checkSnapshot(ctx context.Context, snap snapshot.Snapshot) error {
	c.report.Snapshots++
	return complete(ctx, c.store, snap)
}
