package courier

import (
	"context"

	"dogear/kind"
)

// source gets chunks from the host's source.
type source struct {
	peer   *peer
	on     handle
	staged bool     // the host has some content at hand
	packs  *reading // nil: everything comes through the pipe
	pipe   allowance
}

var _ kind.Stage = (*source)(nil)

func newSource(p *peer, q *question) *source {
	s := &source{peer: p, on: q.On, staged: q.Staged}
	if q.Packs != "" {
		s.packs = newReading(q.Packs, s.packOf)
	}
	return s
}

// Get implements kind.Source.
func (s *source) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	if content, found := s.packs.get(ctx, id, buf); found {
		return content, nil
	}
	a, err := s.peer.ask(ctx, &question{Method: get, On: s.on, IDs: []kind.ChunkID{id}})
	if err != nil {
		return nil, err
	}
	return a.Content, nil
}

func (s *source) packOf(ctx context.Context, id kind.ChunkID) (string, error) {
	a, err := s.peer.ask(ctx, &question{Method: packOf, On: s.on, IDs: []kind.ChunkID{id}})
	if err != nil {
		return "", err
	}
	return a.Name, nil
}

// pieceMost is how long a piece may be to come through the pipe where there are
// packs: a frame is not worth decompressing for some pages.
const pieceMost = 32 << 10

// Piece implements kind.Stage: it spares the pipe the rest of the chunk.
func (s *source) Piece(ctx context.Context, p kind.Piece, buf []byte) ([]byte, bool, error) {
	if !s.staged || s.packs != nil && (p.Length > pieceMost || !s.pipe.has(int(p.Length))) {
		return buf, false, nil
	}
	a, err := s.peer.ask(ctx, &question{Method: piece, On: s.on, Piece: p})
	if err != nil || len(a.Known) != 1 || !a.Known[0] {
		return buf, false, err
	}
	return a.Content, true, nil
}

func (s *source) close() { s.packs.close() }
