package chunk

import (
	"sync"

	"dogear/kind"
)

const (
	frameTarget = 1 << 20   // a frame with as much plain content is full
	ownFrame    = 128 << 10 // a chunk of this size has a frame of its own
)

// openFrame is a frame on its way into a pack. Who fills it writes it; the
// Packer's lock guards what others look at.
type openFrame struct {
	plain  []byte // nil once it has been written, or if it was never kept
	chunks []frameChunk

	pack  string // where it was written
	frame Frame
}

// add appends a chunk.
func (f *openFrame) add(id kind.ChunkID, content []byte) spot {
	s := spot{frame: f, at: uint32(len(f.plain)), length: uint32(len(content))}
	f.plain = append(f.plain, content...)
	f.chunks = append(f.chunks, frameChunk{id: id, length: s.length})
	return s
}

// announce makes it the frame of one chunk, whose content comes later.
func (f *openFrame) announce(id kind.ChunkID, length int) spot {
	f.chunks = []frameChunk{{id: id, length: uint32(length)}}
	return spot{frame: f, length: uint32(length)}
}

func (f *openFrame) full() bool { return len(f.plain) >= frameTarget }

// spot says where a chunk is that was put.
type spot struct {
	frame  *openFrame
	at     uint32
	length uint32
}

// buffers recycles the plain content of shared frames.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, frameTarget+ownFrame)
}

func (b *buffers) put(buf []byte) {
	if cap(buf) == frameTarget+ownFrame {
		b.pool.Put(&buf)
	}
}
