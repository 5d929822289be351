package store

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"dogear/kind"
	"dogear/snapshot"
	"dogear/store/chunk"
)

// Session is one capture's work in a store. It is safe for concurrent use,
// but for Commit and Abort, which come when all else is over.
type Session struct {
	store  *Store
	packer *chunk.Packer

	mu    sync.Mutex // guards all below
	ended bool       // committed or aborted, or about to be
	done  bool       // nothing is left in incoming
	sinks []*partSink
}

// Begin opens a session. Several may be open at once. Either Commit or Abort
// has to end it.
func (s *Store) Begin(ctx context.Context) (*Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.makeReserve(); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	session := &Session{store: s, packer: chunk.NewPacker(s.Incoming(), randomName)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[session] = struct{}{}
	return session, nil
}

// Sink returns a new sink that keeps account of one part's chunks.
func (s *Session) Sink() snapshot.PartSink {
	sink := &partSink{session: s, reach: make(map[kind.ChunkID]struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sinks = append(s.sinks, sink)
	return sink
}

// allSinks returns all sinks so far.
func (s *Session) allSinks() []*partSink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sinks)
}

// Get returns a chunk that is in the store or that this session has put.
func (s *Session) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	if !s.isDone() {
		content, found, err := s.packer.Get(ctx, s.store.reader, id, buf)
		if found || err != nil {
			return content, err
		}
	}
	return s.store.Get(ctx, id, buf)
}

// Added returns the bytes of packs that a commit would add now. It closes a
// frame, so asking often costs compression.
func (s *Session) Added() int64 { return s.packer.Added() }

// Abort drops what was not committed. On a session that has ended it does
// nothing.
func (s *Session) Abort() error {
	if !s.end() {
		return nil
	}
	defer s.close()
	return s.packer.Abort()
}

// end reports whether the caller is the one that ends the session.
func (s *Session) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.ended
	s.ended = true
	return first
}

// close is the last thing that happens to a session.
func (s *Session) close() {
	s.mu.Lock()
	s.done = true
	s.mu.Unlock()
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	delete(s.store.sessions, s)
}

func (s *Session) isDone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// has reports for each chunk whether it is committed, or was put by this very
// session. What other sessions have put does not count: they may be aborted.
func (s *Session) has(ctx context.Context, ids []kind.ChunkID) ([]bool, error) {
	known, err := s.store.Has(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, own := range s.packer.Has(ids) {
		known[i] = known[i] || own
	}
	return known, nil
}

// partSink keeps account of one part's chunks.
type partSink struct {
	session *Session

	mu    sync.Mutex
	reach map[kind.ChunkID]struct{}
}

// Known reports for each chunk whether the store has it.
func (p *partSink) Known(ctx context.Context, ids []kind.ChunkID) ([]bool, error) {
	return p.noted(ctx, ids, p.session.has)
}

// Put stores a chunk.
func (p *partSink) Put(ctx context.Context, content []byte) (kind.ChunkID, error) {
	id := kind.Sum(content)
	known, err := p.noted(ctx, []kind.ChunkID{id}, p.session.store.Has)
	if err != nil || known[0] {
		return id, err
	}
	if err := p.session.packer.Put(id, content); err != nil {
		return id, p.session.store.explain(fmt.Errorf("store chunk: %w", err))
	}
	p.note(id)
	return id, nil
}

// noted asks has for chunks, and notes those that are there before anybody can
// condemn them.
func (p *partSink) noted(ctx context.Context, ids []kind.ChunkID, has func(context.Context, []kind.ChunkID) ([]bool, error)) ([]bool, error) {
	p.session.store.reaching.RLock()
	defer p.session.store.reaching.RUnlock()
	known, err := has(ctx, ids)
	if err != nil {
		return nil, err
	}
	p.session.store.step("found")
	for i, id := range ids {
		if known[i] {
			p.note(id)
		}
	}
	return known, nil
}

func (p *partSink) note(id kind.ChunkID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reach[id] = struct{}{}
}

// Reach returns the ids of all chunks that were put, or asked about and known,
// in ascending order.
func (p *partSink) Reach() []kind.ChunkID {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make([]kind.ChunkID, 0, len(p.reach))
	for id := range p.reach {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}
