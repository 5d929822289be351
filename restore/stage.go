package restore

import (
	"context"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// stageRoom bounds what is kept at hand, in bytes.
const stageRoom = 256 << 20

// stage keeps at hand what was read of a source and checked, in a file without
// a name: what is written while everything stands still is not decompressed and
// checked again. What it has no room for is read from the source.
type stage struct {
	packed
	file *os.File // nil: nothing can be kept
	room int64

	mu   sync.Mutex // guards what follows
	size int64
	full bool
	at   map[kind.Piece]extent
}

// extent is where something lies in the file.
type extent struct{ offset, length int64 }

var (
	_ kind.Stage  = (*stage)(nil)
	_ kind.Packed = (*stage)(nil)
)

// newStage keeps its file in a directory. That it cannot is no error: the
// source has everything.
func newStage(source kind.Source, dir string) *stage {
	s := &stage{packed: packed{source}, room: stageRoom, at: make(map[kind.Piece]extent)}
	if fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o600); err == nil {
		s.file = os.NewFile(uintptr(fd), "stage")
	}
	return s
}

// keep keeps what is needed of a chunk.
func (s *stage) keep(n needed, content []byte) {
	if s.file == nil {
		return
	}
	if len(n.pieces) == 0 {
		s.put(kind.Piece{Chunk: n.chunk}, content)
	}
	for _, p := range n.pieces {
		if p.Offset+p.Length <= int64(len(content)) {
			s.put(p, content[p.Offset:][:p.Length])
		}
	}
}

func (s *stage) put(p kind.Piece, content []byte) {
	x, ok := s.reserve(int64(len(content)))
	if !ok {
		return
	}
	_, err := s.file.WriteAt(content, x.offset)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.full = true
		return
	}
	s.at[p] = x
}

// reserve returns where there is room in the file.
func (s *stage) reserve(length int64) (extent, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full || s.size+length > s.room {
		s.full = true
		return extent{}, false
	}
	x := extent{offset: s.size, length: length}
	s.size += length
	return x, true
}

// Piece implements kind.Stage.
func (s *stage) Piece(_ context.Context, p kind.Piece, buf []byte) ([]byte, bool, error) {
	x, found := s.find(p)
	if !found {
		return buf, false, nil
	}
	if int64(cap(buf)) < x.length {
		buf = make([]byte, x.length)
	}
	buf = buf[:x.length]
	_, err := s.file.ReadAt(buf, x.offset)
	return buf, err == nil, nil // what cannot be read here the source has
}

// find returns where a piece is, alone or within its chunk.
func (s *stage) find(p kind.Piece) (extent, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x, found := s.at[p]; found {
		return x, true
	}
	x, found := s.at[kind.Piece{Chunk: p.Chunk}]
	if !found || p.Offset+p.Length > x.length {
		return extent{}, false
	}
	return extent{offset: x.offset + p.Offset, length: p.Length}, true
}

// Get implements kind.Source.
func (s *stage) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	if content, found, err := s.Piece(ctx, kind.Piece{Chunk: id}, buf); found || err != nil {
		return content, err
	}
	return s.Source.Get(ctx, id, buf)
}

// close drops everything. A nil stage has nothing.
func (s *stage) close() {
	if s != nil && s.file != nil {
		_ = s.file.Close() // what was in it is in the source
	}
}
