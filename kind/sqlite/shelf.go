package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"dogear/kind"
)

// shelf keeps chunks in a file of a private directory.
type shelf struct {
	file *os.File

	mu   sync.Mutex // guards what follows
	size int64
	at   map[kind.ChunkID]extent
}

// extent is where a chunk lies in the file.
type extent struct{ offset, length int64 }

var (
	_ kind.Sink   = (*shelf)(nil)
	_ kind.Source = (*shelf)(nil)
)

func newShelf(dir string) (*shelf, error) {
	f, err := os.OpenFile(filepath.Join(dir, "chunks"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &shelf{file: f, at: make(map[kind.ChunkID]extent)}, nil
}

// Known implements kind.Sink.
func (s *shelf) Known(_ context.Context, ids []kind.ChunkID) ([]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := make([]bool, len(ids))
	for i, id := range ids {
		_, known[i] = s.at[id]
	}
	return known, nil
}

// Put implements kind.Sink.
func (s *shelf) Put(_ context.Context, chunk []byte) (kind.ChunkID, error) {
	id := kind.Sum(chunk)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.at[id]; known {
		return id, nil
	}
	if _, err := s.file.WriteAt(chunk, s.size); err != nil {
		return kind.ChunkID{}, err
	}
	s.at[id] = extent{s.size, int64(len(chunk))}
	s.size += int64(len(chunk))
	return id, nil
}

// Get implements kind.Source.
func (s *shelf) Get(_ context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	s.mu.Lock()
	at, known := s.at[id]
	s.mu.Unlock()
	if !known {
		return nil, fmt.Errorf("chunk %s did not arrive", id)
	}
	if int64(cap(buf)) < at.length {
		buf = make([]byte, at.length)
	}
	chunk := buf[:at.length]
	if _, err := s.file.ReadAt(chunk, at.offset); err != nil {
		return nil, err
	}
	if kind.Sum(chunk) != id {
		return nil, fmt.Errorf("chunk %s was not kept as it came", id)
	}
	return chunk, nil
}

// close leaves nothing behind, also if the directory is gone already.
func (s *shelf) close() error { return closeAfter(s.file, removeIfThere(s.file.Name())) }
