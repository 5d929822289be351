package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dogear/kind"
	"dogear/snapshot"
	"dogear/store/catalog"
)

// hold keeps a snapshot's chunks.
type hold struct{ snap snapshot.Snapshot }

// Hold keeps the content of a listed snapshot until release is called, also if
// the snapshot is deleted and the store pruned meanwhile.
func (s *Store) Hold(id snapshot.ID) (release func()) {
	s.reaching.RLock()
	defer s.reaching.RUnlock()
	snap, err := s.Snapshot(context.Background(), id)
	if err != nil {
		return func() {} // who reads it meets the same error
	}
	h := &hold{snap: snap}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds[h] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.holds, h)
	}
}

func (s *Store) held() []snapshot.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []snapshot.Snapshot
	for h := range s.holds {
		list = append(list, h.snap)
	}
	return list
}

// roots works out which chunks are needed.
type roots struct {
	*Store
	needed map[kind.ChunkID]struct{}
	done   map[snapshot.ID]struct{} // whose chunks are in needed
	read   map[string]struct{}      // lists of chunks: most parts have the same as in other snapshots
}

func (s *Store) newRoots() *roots {
	return &roots{
		Store: s, needed: make(map[kind.ChunkID]struct{}),
		done: make(map[snapshot.ID]struct{}), read: make(map[string]struct{}),
	}
}

// add adds what is needed and was not when add was last called. Sessions come
// first: one that ends after that has its snapshot listed by then.
func (r *roots) add(ctx context.Context) error {
	for _, session := range r.openSessions() {
		for _, sink := range session.allSinks() {
			for _, id := range sink.Reach() {
				r.needed[id] = struct{}{}
			}
		}
	}
	for _, snap := range r.held() {
		if err := r.addSnapshot(ctx, snap); err != nil {
			return err
		}
	}
	listed, err := r.catalog.All(catalog.Snapshots)
	if err != nil {
		return err
	}
	for _, e := range listed {
		if err := r.addRecord(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// addUnlisted adds the snapshots that are recorded and not listed: something
// of them is damaged, and may come back.
func (r *roots) addUnlisted(ctx context.Context) error {
	r.publishing.Lock()
	defer r.publishing.Unlock()
	records := snapshotRecords()
	names, err := namesIn(r.path(records.dir), recordExtension)
	if err != nil {
		return err
	}
	for _, name := range names {
		if listed, err := r.catalog.Has(records.bucket, name); err != nil {
			return err
		} else if listed {
			continue
		}
		record, err := records.read(r.recordPath(records, name))
		if err != nil {
			return r.unknown(name, err)
		}
		if err := r.addRecord(ctx, catalog.Entry{Key: name, Record: record}); err != nil {
			return err
		}
	}
	return nil
}

func (r *roots) addRecord(ctx context.Context, e catalog.Entry) error {
	if _, ok := r.done[snapshot.ID(e.Key)]; ok {
		return nil
	}
	snap, err := decode[snapshot.Snapshot](e.Record, typeSnapshot)
	if err != nil {
		return r.unknown(e.Key, err)
	}
	return r.addSnapshot(ctx, snap)
}

func (r *roots) addSnapshot(ctx context.Context, snap snapshot.Snapshot) error {
	if _, ok := r.done[snap.ID]; ok {
		return nil
	}
	for _, part := range snap.Parts {
		if err := r.addPart(ctx, part); err != nil {
			return r.unknown(string(snap.ID), fmt.Errorf("part %s: %w", part.ID, err))
		}
	}
	r.done[snap.ID] = struct{}{}
	return nil
}

// unknown is the end: who does not know what is needed removes nothing.
func (r *roots) unknown(id string, err error) error {
	return fmt.Errorf("snapshot %s is damaged, so it is not known what it needs (dogear check says more; delete it if it cannot be repaired): %w", id, err)
}

func (r *roots) addPart(ctx context.Context, part snapshot.Part) error {
	for _, object := range slices.Concat([]kind.Object{part.Reach, part.Facts.Object}, part.Objects) {
		r.addAll(object.Chunks)
	}
	name := chunksOf(part.Reach)
	if _, ok := r.read[name]; ok {
		return nil
	}
	reach, err := readReach(ctx, r.Store, part.Reach)
	if err != nil {
		return err
	}
	r.addAll(reach.own)
	r.addAll(reach.ids)
	r.read[name] = struct{}{}
	return nil
}

func (r *roots) addAll(ids []kind.ChunkID) {
	for _, id := range ids {
		r.needed[id] = struct{}{}
	}
}

func chunksOf(object kind.Object) string {
	var b strings.Builder
	for _, id := range object.Chunks {
		b.Write(id[:])
	}
	return b.String()
}

func (r *roots) needs(id kind.ChunkID) bool {
	_, ok := r.needed[id]
	return ok
}
