package courier

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"dogear/kind"
)

// window is the number of chunks that are on their way to the host at once.
// The pipe has a long way; waiting for each would take most of the time.
const window = 32

// streamMost is how much content of one capture goes through the pipe where it
// could be left in packs. A pack of its own for each small change would be dear:
// to write, to sync, and to keep.
const streamMost = 8 << 20

// sink puts chunks in the host's sink.
type sink struct {
	peer  *peer
	on    handle
	room  chan struct{}
	packs *packs // nil: everything goes through the pipe
	sent  sync.WaitGroup
	pipe  allowance

	mu  sync.Mutex
	err error // guarded by mu: the first failure
}

// allowance is how much content of one task may go through the pipe although
// there is another way.
type allowance struct{ used atomic.Int64 }

// has reports whether some more may, and counts it.
func (a *allowance) has(more int) bool { return a.used.Add(int64(more)) <= streamMost }

func newSink(p *peer, on handle, deposit string) *sink {
	s := &sink{peer: p, on: on, room: make(chan struct{}, window)}
	if deposit != "" {
		s.packs = &packs{dir: deposit}
	}
	return s
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
	s.packs.addKnown(ids, a.Known)
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
	send := s.offer
	if s.packs != nil && s.pipe.has(len(content)) {
		send = s.stream
	}
	if err := send(id, content); err != nil {
		<-s.room
		return kind.ChunkID{}, err
	}
	return id, nil
}

// stream sends a chunk through the pipe.
func (s *sink) stream(id kind.ChunkID, content []byte) error {
	asked, err := s.sendChunk(id, content)
	if err != nil {
		return err
	}
	s.await(asked, func(*answer) error { return nil })
	return nil
}

func (s *sink) sendChunk(id kind.ChunkID, content []byte) (pending, error) {
	return s.peer.send(&question{Method: put, On: s.on, IDs: []kind.ChunkID{id}, Content: content})
}

// offer writes a chunk to a pack, or sends it where there are none, unless the
// host has it.
func (s *sink) offer(id kind.ChunkID, content []byte) error {
	asked, err := s.peer.send(&question{Method: known, On: s.on, IDs: []kind.ChunkID{id}})
	if err != nil {
		return err
	}
	content = bytes.Clone(content)
	s.await(asked, func(a *answer) error {
		if len(a.Known) == 1 && a.Known[0] {
			return nil
		}
		if s.packs != nil {
			return s.packs.put(id, content)
		}
		sent, err := s.sendChunk(id, content)
		if err == nil {
			_, err = s.peer.wait(context.Background(), sent)
		}
		return err
	})
	return nil
}

// await hands the answer on when it comes, and gives the room free.
func (s *sink) await(asked pending, use func(*answer) error) {
	s.sent.Go(func() {
		// Not the caller's context: it may end as soon as Put has returned.
		a, err := s.peer.wait(context.Background(), asked)
		if err == nil {
			err = use(a)
		}
		if err != nil {
			s.fail(err)
		}
		<-s.room
	})
}

// flush waits until the host has every chunk.
func (s *sink) flush(ctx context.Context) error {
	s.sent.Wait()
	if err := s.failure(); err != nil || s.packs == nil {
		return err
	}
	names, err := s.packs.finish()
	for _, name := range names {
		if err == nil {
			_, err = s.peer.ask(ctx, &question{Method: adopt, On: s.on, Name: name})
		} else {
			err = errors.Join(err, s.packs.remove(name))
		}
	}
	if err != nil {
		s.fail(err)
	}
	return err
}

// close drops what the host was not given.
func (s *sink) close() error {
	s.sent.Wait()
	return s.packs.abort()
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
