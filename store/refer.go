package store

import (
	"bytes"
	"context"
	"fmt"

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
	if err := allThere(ctx, from, part.Reach.Chunks); err != nil {
		return fmt.Errorf("reach: %w", err)
	}
	reach, err := readReach(ctx, from, part.Reach)
	if err != nil {
		return err
	}
	if err := allThere(ctx, from, reach); err != nil {
		return err
	}
	return reached(part, reach)
}

// readReach returns the chunks that a part keeps alive.
func readReach(ctx context.Context, from kind.Source, object kind.Object) ([]kind.ChunkID, error) {
	var content []byte
	for _, id := range object.Chunks {
		piece, err := from.Get(ctx, id, nil)
		if err != nil {
			return nil, fmt.Errorf("read reach: %w", err)
		}
		content = append(content, piece...)
	}
	if int64(len(content)) != object.Size || len(content)%len(kind.ChunkID{}) != 0 {
		return nil, fmt.Errorf("reach of %d bytes: %w", len(content), ErrDamaged)
	}
	var ids []kind.ChunkID
	for b := content; len(b) > 0; b = b[len(kind.ChunkID{}):] {
		ids = append(ids, kind.ChunkID(b[:32]))
		if n := len(ids); n > 1 && bytes.Compare(ids[n-2][:], ids[n-1][:]) >= 0 {
			return nil, fmt.Errorf("reach is not in order: %w", ErrDamaged)
		}
	}
	return ids, nil
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
func reached(part snapshot.Part, reach []kind.ChunkID) error {
	kept := make(map[kind.ChunkID]struct{}, len(reach))
	for _, id := range reach {
		kept[id] = struct{}{}
	}
	for _, object := range append([]kind.Object{part.Facts.Object}, part.Objects...) {
		for _, id := range object.Chunks {
			if _, ok := kept[id]; !ok {
				return fmt.Errorf("object %q: chunk %s is not in the part's reach", object.Name, id)
			}
		}
	}
	return nil
}
