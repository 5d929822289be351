package store

import (
	"context"
	"fmt"

	"dogear/kind"
	"dogear/store/catalog"
	"dogear/store/chunk"
)

// lose notes everything as damaged that is listed as being in a pack.
func (c *check) lose(p catalog.Pack) error {
	entries, err := c.store.catalog.In(p)
	if err != nil {
		return err
	}
	ids := make([]kind.ChunkID, 0, len(entries))
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return c.store.catalog.SetDamaged(p, ids)
}

// known reports what is noted as damaged in a pack.
func (c *check) known(p catalog.Pack) error {
	if n := len(c.damaged[p.Name]); n > 0 {
		return fmt.Errorf("%d of its chunks were found damaged: %w", n, ErrDamaged)
	}
	return nil
}

// damagedCopies returns what is noted as damaged, by pack.
func (s *Store) damagedCopies() (map[string]map[kind.ChunkID]bool, error) {
	copies, err := s.catalog.Damaged()
	damaged := make(map[string]map[kind.ChunkID]bool)
	for _, d := range copies {
		if damaged[d.Pack] == nil {
			damaged[d.Pack] = make(map[kind.ChunkID]bool)
		}
		damaged[d.Pack][d.ID] = true
	}
	return damaged, err
}

// useCopies lists other copies of damaged chunks, where packs have any that are
// whole: a pack may hold what another one held before.
func (c *check) useCopies(ctx context.Context) error {
	copies, err := c.store.catalog.Damaged()
	if err != nil {
		return err
	}
	wanted, bad := make(map[kind.ChunkID]bool), make(map[catalog.Copy]bool)
	for _, d := range copies {
		if d.Listed {
			wanted[d.ID] = true
		}
		bad[catalog.Copy{Pack: d.Pack, ID: d.ID}] = true
	}
	if len(wanted) == 0 {
		return nil
	}
	for _, p := range c.packs {
		index, _, err := c.store.openPack(p.Name)
		if err != nil {
			continue // reported
		}
		for _, e := range index.Chunks {
			if !wanted[e.ID] || bad[catalog.Copy{Pack: p.Name, ID: e.ID}] {
				continue
			}
			if err := c.useCopy(ctx, p, e); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (c *check) useCopy(ctx context.Context, p catalog.Pack, e chunk.Entry) error {
	if _, err := c.store.reader.Chunk(ctx, c.store.packPath(p.Name), e.ID, e.Location, nil); err != nil {
		return nil // reported, or found by the next check that reads everything
	}
	return c.store.catalog.Move(e.ID, p, e.Location)
}
