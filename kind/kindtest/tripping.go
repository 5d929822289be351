package kindtest

import (
	"context"
	"sync"

	"dogear/kind"
)

// Tripping is a store at which something happens once, in the middle of a capture
// or a restore.
type Tripping struct {
	*Memory
	After int // chunks
	Trip  func()

	mu   sync.Mutex
	seen int // guarded by mu
}

func (s *Tripping) count() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen++; s.seen == s.After {
		s.Trip()
	}
}

// Put implements kind.Sink.
func (s *Tripping) Put(ctx context.Context, content []byte) (kind.ChunkID, error) {
	s.count()
	return s.Memory.Put(ctx, content)
}

// Get implements kind.Source.
func (s *Tripping) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	s.count()
	return s.Memory.Get(ctx, id, buf)
}
