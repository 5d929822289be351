package store

import (
	"context"
	"fmt"
	"slices"

	"dogear/kind"
	"dogear/snapshot"
)

// chunkHolder is where a snapshot's chunks should be: the store, or the session
// that is about to commit it.
type chunkHolder interface {
	kind.Source
	has(ctx context.Context, ids []kind.ChunkID) ([]bool, error)
}

// complete checks that every chunk that a snapshot refers to is there.
func complete(ctx context.Context, from chunkHolder, snap snapshot.Snapshot) error {
	for _, part := range snap.Parts {
		if err := completePart(ctx, from, part); err != nil {
			return fmt.Errorf("part %s: %w", part.ID, err)
		}
	}
	return nil
}

func completePart(ctx context.Context, from chunkHolder, part snapshot.Part) error {
	reach, err := readReach(ctx, from, part.Reach)
	if err != nil {
		return fmt.Errorf("reach: %w", err)
	}
	if err := allThere(ctx, from, reach.ids); err != nil {
		return err
	}
	return reached(ctx, from, part, reach.ids)
}

func allThere(ctx context.Context, from chunkHolder, ids []kind.ChunkID) error {
	known, err := from.has(ctx, ids)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if !known[i] {
			return lost(ctx, from, id)
		}
	}
	return nil
}

// lost says why a chunk cannot be had.
func lost(ctx context.Context, from kind.Source, id kind.ChunkID) error {
	_, err := from.Get(ctx, id, nil)
	if err == nil {
		err = fmt.Errorf("chunk %s was found damaged: %w", id, ErrDamaged)
	}
	return err
}

// reached checks that a part's reach holds all chunks that the part names
// itself: what is not in it is garbage to a collector.
func reached(ctx context.Context, from kind.Source, part snapshot.Part, reach []kind.ChunkID) error {
	for _, object := range append([]kind.Object{part.Facts.Object}, part.Objects...) {
		chunks, err := holding(ctx, from, object)
		if err != nil {
			return err
		}
		for _, id := range chunks {
			if _, ok := slices.BinarySearchFunc(reach, id, compareIDs); !ok {
				return fmt.Errorf("object %q: chunk %s is not in the part's reach", object.Name, id)
			}
		}
	}
	return nil
}
