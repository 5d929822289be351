package kindtest

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"dogear/kind"
)

// Memory is a sink and a source in memory.
type Memory struct {
	mu     sync.Mutex
	chunks map[kind.ChunkID][]byte // guarded by mu
	bytes  int64                   // guarded by mu
}

var (
	_ kind.Sink   = (*Memory)(nil)
	_ kind.Source = (*Memory)(nil)
)

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{chunks: make(map[kind.ChunkID][]byte)} }

// Bytes returns the plain size of all chunks.
func (m *Memory) Bytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}

// Clear forgets all chunks, as a store does whose snapshots were removed.
func (m *Memory) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.chunks, m.bytes = make(map[kind.ChunkID][]byte), 0
}

// Known implements kind.Sink.
func (m *Memory) Known(ctx context.Context, ids []kind.ChunkID) ([]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := make([]bool, len(ids))
	for i, id := range ids {
		_, known[i] = m.chunks[id]
	}
	return known, ctx.Err()
}

// Put implements kind.Sink.
func (m *Memory) Put(ctx context.Context, content []byte) (kind.ChunkID, error) {
	id := kind.Sum(content)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.chunks[id]; !ok {
		m.chunks[id] = bytes.Clone(content)
		m.bytes += int64(len(content))
	}
	return id, ctx.Err()
}

// Get implements kind.Source.
func (m *Memory) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.chunks[id]
	if !ok {
		return nil, fmt.Errorf("no chunk %s", id)
	}
	return append(buf[:0], content...), ctx.Err()
}

// Cache is a kind.Cache in memory.
type Cache struct {
	mu    sync.Mutex
	blobs map[string][]byte // guarded by mu
}

var _ kind.Cache = (*Cache)(nil)

// NewCache returns an empty cache.
func NewCache() *Cache { return &Cache{blobs: make(map[string][]byte)} }

// Load implements kind.Cache.
func (c *Cache) Load(id kind.ID, name string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blobs[id.String()+"\x00"+name]
}

// Save implements kind.Cache.
func (c *Cache) Save(id kind.ID, name string, content []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blobs[id.String()+"\x00"+name] = bytes.Clone(content)
	return nil
}
