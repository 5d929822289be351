package restore

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// only is a source of one chunk, and counts how often it is read.
type only struct {
	content []byte
	gets    int
}

func (o *only) Get(_ context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	if id != kind.Sum(o.content) {
		return nil, errors.New("no such chunk")
	}
	o.gets++
	return append(buf[:0], o.content...), nil
}

func TestStageGivesBackWhatItKept(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)
	id := kind.Sum(content)
	some, other := kind.Piece{Chunk: id, Offset: 16, Length: 20}, kind.Piece{Chunk: id, Offset: 160, Length: 8}
	for name, c := range map[string]struct {
		pieces []kind.Piece
		room   int64
		noDir  bool
		has    bool // the pieces
		all    bool // the chunk
	}{
		"a chunk":               {room: 1 << 20, has: true, all: true},
		"pieces of it":          {room: 1 << 20, pieces: []kind.Piece{some, other}, has: true},
		"no room":               {room: 10, pieces: []kind.Piece{some, other}},
		"no place":              {room: 1 << 20, noDir: true},
		"a piece that is not":   {room: 1 << 20, pieces: []kind.Piece{{Chunk: id, Offset: int64(len(content)) - 1, Length: 2}}},
		"room for the first":    {room: 25, pieces: []kind.Piece{some, other}},
		"a chunk, and its size": {room: int64(len(content)), has: true, all: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.noDir {
				dir += "/nowhere"
			}
			source := &only{content: content}
			s := newStage(source, dir)
			defer s.close()
			s.room = c.room
			s.keep(needed{chunk: id, pieces: c.pieces}, content)
			for _, p := range []kind.Piece{some, other} {
				got, found, err := s.Piece(t.Context(), p, make([]byte, 1))
				require.NoError(t, err)
				if p == some && name == "room for the first" {
					require.True(t, found)
					continue
				}
				require.Equal(t, c.has, found)
				if found {
					require.Equal(t, content[p.Offset:][:p.Length], got)
				}
			}
			got, err := s.Get(t.Context(), id, nil)
			require.NoError(t, err)
			require.Equal(t, content, got)
			require.Equal(t, c.all, source.gets == 0)
		})
	}
}
