package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"dogear/internal/content"
	"dogear/kind"
)

// reachName is the name of the object that a part's reach is.
const reachName = "reach"

const idSize = len(kind.ChunkID{})

// reach is what a part keeps alive.
type reach struct {
	ids []kind.ChunkID // ascending
	own []kind.ChunkID // what holds the list itself, and the one that it is told by
}

// readReach returns what a part keeps alive.
func readReach(ctx context.Context, from kind.Source, object kind.Object) (reach, error) {
	own, err := holding(ctx, from, object)
	if err != nil {
		return reach{}, err
	}
	b, err := content.ReadAll(ctx, from, object)
	if err != nil {
		return reach{}, err
	}
	if len(b)%idSize == 0 {
		ids, err := decodeIDs(b)
		return reach{ids: ids, own: own}, err
	}
	p, err := decodePatch(b)
	if err != nil {
		return reach{}, err
	}
	base, err := readBase(ctx, from, p.base)
	if err != nil {
		return reach{}, fmt.Errorf("the list that it is told by: %w", err)
	}
	ids, err := p.apply(base.ids)
	return reach{ids: ids, own: slices.Concat(own, base.own)}, err
}

// readBase reads a reach that others are told by: it lists its ids itself.
func readBase(ctx context.Context, from kind.Source, object kind.Object) (reach, error) {
	own, err := holding(ctx, from, object)
	if err != nil {
		return reach{}, err
	}
	b, err := content.ReadAll(ctx, from, object)
	if err != nil {
		return reach{}, err
	}
	ids, err := decodeIDs(b)
	return reach{ids: ids, own: own}, err
}

// holding returns the chunks that an object is in, and those that list them.
func holding(ctx context.Context, from kind.Source, object kind.Object) ([]kind.ChunkID, error) {
	chunks, err := content.Chunks(ctx, from, object)
	if err != nil || !object.Listed {
		return chunks, err
	}
	return slices.Concat(chunks, object.Chunks), nil
}

func decodeIDs(b []byte) ([]kind.ChunkID, error) {
	ids, err := content.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	return ids, ascending(ids)
}

func compareIDs(a, b kind.ChunkID) int { return bytes.Compare(a[:], b[:]) }

func ascending(ids []kind.ChunkID) error {
	for i := range ids {
		if i > 0 && compareIDs(ids[i-1], ids[i]) >= 0 {
			return fmt.Errorf("it is not in order: %w", ErrDamaged)
		}
	}
	return nil
}
