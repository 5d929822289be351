package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"dogear/internal/content"
	"dogear/kind"
	"dogear/snapshot"
)

const (
	// patchFrom is the number of ids from which a reach may be told by another.
	patchFrom = 512
	// patchShare is what a patch may be of the whole list. The more captures
	// there were since the list was written, the longer it is.
	patchShare = 4
)

// PutReach stores the part's reach: by what differs from that of the last
// snapshot of the workspace where that is little.
func (p *partSink) PutReach(ctx context.Context, workspace string, part kind.ID) (kind.Object, error) {
	ids := p.Reach()
	list := content.Encode(ids)
	if len(ids) >= patchFrom {
		patch, err := p.patch(ctx, workspace, part, ids)
		if err != nil {
			return kind.Object{}, err
		}
		if patch != nil && len(patch)*patchShare <= len(list) {
			list = patch
		}
	}
	return content.PutList(ctx, p, reachName, bytes.NewReader(list))
}

// patch returns ids as what differs from an older list, nil if there is none.
func (p *partSink) patch(ctx context.Context, workspace string, part kind.ID, ids []kind.ChunkID) ([]byte, error) {
	last, err := p.session.store.lastReach(workspace, part)
	if err != nil || last == nil {
		return nil, err
	}
	base, old, err := p.baseOf(ctx, *last)
	if errors.Is(err, ErrDamaged) || errors.Is(err, ErrNotFound) {
		return nil, nil // then this one is whole
	}
	if err != nil {
		return nil, fmt.Errorf("read the last list of chunks: %w", err)
	}
	return difference(base, old, ids).encode(), nil
}

// lastReach returns the reach of the part in the last snapshot that has it.
func (s *Store) lastReach(workspace string, part kind.ID) (*kind.Object, error) {
	if workspace == "" {
		return nil, nil
	}
	listed, err := s.catalog.Snapshots(workspace)
	if err != nil {
		return nil, err
	}
	for _, l := range listed {
		snap, err := decode[snapshot.Snapshot](l.Record, typeSnapshot)
		if err != nil {
			return nil, nil // a check tells what is wrong with it
		}
		if found, ok := snap.Part(part); ok {
			return &found.Reach, nil
		}
	}
	return nil, nil
}

// baseOf returns the list that a reach is told by, which may be itself, and
// keeps it alive.
func (p *partSink) baseOf(ctx context.Context, last kind.Object) (kind.Object, []kind.ChunkID, error) {
	if err := p.keep(ctx, last); err != nil {
		return kind.Object{}, nil, err
	}
	b, err := content.ReadAll(ctx, p.session.store, last)
	if err != nil {
		return kind.Object{}, nil, err
	}
	if len(b)%idSize == 0 {
		ids, err := decodeIDs(b)
		return last, ids, err
	}
	patch, err := decodePatch(b)
	if err != nil {
		return kind.Object{}, nil, err
	}
	if err := p.keep(ctx, patch.base); err != nil {
		return kind.Object{}, nil, err
	}
	base, err := readBase(ctx, p.session.store, patch.base)
	return patch.base, base.ids, err
}

// keep notes the chunks of an object before anybody can condemn them.
func (p *partSink) keep(ctx context.Context, object kind.Object) error {
	if err := p.keepAll(ctx, object.Chunks); err != nil || !object.Listed {
		return err
	}
	chunks, err := content.Chunks(ctx, p.session.store, object)
	if err != nil {
		return err
	}
	return p.keepAll(ctx, chunks)
}

func (p *partSink) keepAll(ctx context.Context, ids []kind.ChunkID) error {
	known, err := p.noted(ctx, ids, p.session.store.Has)
	if err == nil && slices.Contains(known, false) {
		err = ErrNotFound
	}
	return err
}
