package courier

import (
	"context"
	"errors"
	"sync"

	"dogear/kind"
)

// window is the number of chunks that are on their way to the host at once.
// The pipe has a long way; waiting for each would take most of the time.
const window = 32

// sink puts chunks in the host's sink.
type sink struct {
	peer *peer
	on   handle
	room chan struct{}

	sent sync.WaitGroup
	mu   sync.Mutex
	err  error // guarded by mu: the first failure
}

func newSink(p *peer, on handle) *sink {
	return &sink{peer: p, on: on, room: make(chan struct{}, window)}
}

// Known implements kind.Sink.
func (s *sink) Known(ctx context.Context, ids []kind.ChunkID) ([]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	a, err := s.peer.ask(ctx, &question{Method: known, On: s.on, IDs: ids})
	if err != nil {
		return nil, err
	}
	if len(a.Known) != len(ids) {
		return nil, errors.New("the host answered for another number of chunks")
	}
	return a.Known, nil
}

// Put implements kind.Sink. It reports failures of earlier chunks; flush
// reports the rest.
func (s *sink) Put(ctx context.Context, content []byte) (kind.ChunkID, error) {
	if err := s.failure(); err != nil {
		return kind.ChunkID{}, err
	}
	select {
	case s.room <- struct{}{}:
	case <-ctx.Done():
		return kind.ChunkID{}, ctx.Err()
	}
	id := kind.Sum(content)
	asked, err := s.peer.send(&question{Method: put, On: s.on, IDs: []kind.ChunkID{id}, Content: content})
	if err != nil {
		<-s.room
		return kind.ChunkID{}, err
	}
	s.sent.Go(func() {
		// Not the caller's context: it may end as soon as Put has returned.
		if _, err := s.peer.wait(context.Background(), asked); err != nil {
			s.fail(err)
		}
		<-s.room
	})
	return id, nil
}

// flush waits until the host has every chunk.
func (s *sink) flush() error {
	s.sent.Wait()
	return s.failure()
}

func (s *sink) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// source gets chunks from the host's source.
type source struct {
	peer   *peer
	on     handle
	staged bool // the host has some content at hand
}

// Get implements kind.Source.
func (s *source) Get(ctx context.Context, id kind.ChunkID, _ []byte) ([]byte, error) {
	a, err := s.peer.ask(ctx, &question{Method: get, On: s.on, IDs: []kind.ChunkID{id}})
	if err != nil {
		return nil, err
	}
	return a.Content, nil
}

// Piece implements kind.Stage: it spares the pipe the rest of the chunk.
func (s *source) Piece(ctx context.Context, p kind.Piece, buf []byte) ([]byte, bool, error) {
	if !s.staged {
		return buf, false, nil
	}
	a, err := s.peer.ask(ctx, &question{Method: piece, On: s.on, Piece: p})
	if err != nil || len(a.Known) != 1 || !a.Known[0] {
		return buf, false, err
	}
	return a.Content, true, nil
}

// index keeps a stat index with the host.
type index struct {
	peer *peer
	on   handle
}

// Load implements tree.Index.
func (i *index) Load() []byte {
	a, err := i.peer.ask(context.Background(), &question{Method: load, On: i.on})
	if err != nil {
		return nil // a cache: what is not there is worked out
	}
	return a.Content
}

// Save implements tree.Index.
func (i *index) Save(content []byte) error {
	_, err := i.peer.ask(context.Background(), &question{Method: save, On: i.on, Content: content})
	return err
}
