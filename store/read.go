package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"dogear/kind"
	"dogear/snapshot"
	"dogear/store/catalog"
)

var _ kind.Packed = (*Store)(nil)

// Get returns a committed chunk, checked against its id, in buf if it is large
// enough. It returns ErrNotFound or ErrDamaged. What is damaged is noted, so
// that a capture that meets the same content stores it anew.
func (s *Store) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	var tried catalog.Location
	for {
		where, found, err := s.catalog.Locate(id)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, fmt.Errorf("chunk %s: %w", id, ErrNotFound)
		}
		if where == tried {
			return nil, fmt.Errorf("chunk %s: %s: %w", id, s.title(s.packPath(where.Pack)), errMissing)
		}
		s.step("located")
		content, err := s.reader.Chunk(ctx, s.packPath(where.Pack), id, where.Location, buf)
		switch {
		case errors.Is(err, ErrDamaged):
			return nil, errors.Join(err, s.catalog.NoteDamaged(id, where))
		case !errors.Is(err, fs.ErrNotExist):
			return content, err
		}
		tried = where // and moved meanwhile
	}
}

// PackOf returns the name of the pack that holds a committed chunk, or "".
func (s *Store) PackOf(ctx context.Context, id kind.ChunkID) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	where, _, err := s.catalog.Locate(id)
	return where.Pack, err
}

// Has reports for each chunk whether it is committed, and not noted as damaged.
func (s *Store) Has(ctx context.Context, ids []kind.ChunkID) ([]bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.catalog.Known(ids)
}

func (s *Store) has(ctx context.Context, ids []kind.ChunkID) ([]bool, error) { return s.Has(ctx, ids) }

// Snapshots returns the snapshots of a workspace, or all if it is "", the
// newest (by id) first.
func (s *Store) Snapshots(ctx context.Context, workspace string) ([]snapshot.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	listed, err := s.catalog.Snapshots(workspace)
	if err != nil {
		return nil, err
	}
	list := make([]snapshot.Snapshot, 0, len(listed))
	for _, l := range listed {
		snap, err := readSnapshot(l)
		if err != nil {
			return nil, err
		}
		list = append(list, snap)
	}
	return list, nil
}

// HighestID returns the highest id of a snapshot, or "" if there is none.
func (s *Store) HighestID() (snapshot.ID, error) {
	id, err := s.catalog.HighestID()
	return snapshot.ID(id), err
}

// readSnapshot returns a listed snapshot, annotated.
func readSnapshot(listed catalog.Annotated) (snapshot.Snapshot, error) {
	snap, err := decode[snapshot.Snapshot](listed.Record, typeSnapshot)
	if err == nil && string(snap.ID) != listed.Key {
		err = fmt.Errorf("snapshot %s is listed as %q: %w", snap.ID, listed.Key, ErrDamaged)
	}
	if err != nil {
		return snap, err
	}
	said, err := readAnnotation(listed)
	snap.Annotate(said)
	return snap, err
}

// Snapshot returns one snapshot. It returns ErrNotFound.
func (s *Store) Snapshot(ctx context.Context, id snapshot.ID) (snapshot.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return snapshot.Snapshot{}, err
	}
	listed, err := s.catalog.Snapshot(string(id))
	if err == nil && listed.Record == nil {
		err = fmt.Errorf("snapshot %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	return readSnapshot(listed)
}

// Workspaces returns all workspaces that have snapshots, sorted by id.
func (s *Store) Workspaces(ctx context.Context) ([]snapshot.Workspace, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	listed, err := s.catalog.Workspaces()
	list := make([]snapshot.Workspace, 0, len(listed))
	for _, w := range listed {
		list = append(list, snapshot.Workspace{ID: w.ID, Root: w.Root})
	}
	return list, err
}
