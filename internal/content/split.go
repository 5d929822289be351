package content

import (
	"errors"
	"fmt"
	"io"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/jc" // the algorithm
)

// Algorithm names how streams are cut. Together with the sizes it is part of
// the store's format: another cut would find nothing of what is there.
const (
	Algorithm  = "jc-v1.0.0"
	MinSize    = 64 << 10
	NormalSize = 256 << 10
	MaxSize    = 1 << 20
)

// What is a list of small things (the entries of a tree, facts, ids of chunks)
// changes here and there, and most of it nowhere: it is cut finer, into chunks of
// some 5 KiB.
const (
	FineMinSize    = 1 << 10
	FineNormalSize = 4 << 10
	FineMaxSize    = 16 << 10
)

// Files that databases update in place are compared by the page and first
// stored by the block, a chunk each (see package tree). Both are part of the
// store's format. Databases have pages of 4 to 16 KiB, in places that are
// multiples of their size.
const (
	PageSize  = 8 << 10
	BlockSize = 128 << 10
)

// Files that databases update in place and that are too small for that are cut
// every so many bytes: of a table of half a megabyte in which one page changes,
// this much is stored anew and not half of it.
const smallBlockSize = 16 << 10

// Splitter cuts streams into chunks, one stream after the other. It keeps its
// buffers from stream to stream, and is for one goroutine.
type Splitter interface {
	// Reset begins a stream.
	Reset(r io.Reader)
	// Next returns the next chunk, never an empty one, and io.EOF after the
	// last. The chunk is valid until the next call.
	Next() ([]byte, error)
}

type contentDefined struct {
	chunker *chunkers.Chunker
	ended   bool
}

// ContentDefined returns a Splitter that cuts where the content says so: an
// insertion changes the chunks around it and leaves the others as they were.
func ContentDefined() (Splitter, error) { return contentDefinedBy(MinSize, NormalSize, MaxSize) }

// fine is ContentDefined for lists of small things.
func fine() (Splitter, error) { return contentDefinedBy(FineMinSize, FineNormalSize, FineMaxSize) }

func contentDefinedBy(least, normal, most int) (Splitter, error) {
	options := &chunkers.ChunkerOpts{MinSize: least, NormalSize: normal, MaxSize: most}
	// The chunker wants the most that it may cut ahead of it, and moves it when
	// it comes to the end of its buffer: a long one makes that rare.
	c, err := chunkers.NewChunkerBuffer(Algorithm, nil, options, make([]byte, 4*most))
	if err != nil {
		return nil, fmt.Errorf("set up chunker %s: %w", Algorithm, err)
	}
	return &contentDefined{chunker: c}, nil
}

func (s *contentDefined) Reset(r io.Reader) {
	s.chunker.Reset(r)
	s.ended = false
}

func (s *contentDefined) Next() ([]byte, error) {
	if s.ended {
		return nil, io.EOF
	}
	chunk, err := s.chunker.Next()
	if err == io.EOF {
		// A short last chunk comes together with io.EOF.
		s.ended = true
		if len(chunk) > 0 {
			err = nil
		}
	}
	return chunk, err
}

// SmallBlocks returns a Splitter for files that databases update in place and
// that are not stored by the block.
func SmallBlocks() Splitter { return &blocks{buf: make([]byte, smallBlockSize)} }

// blocks cuts into pieces of one size.
type blocks struct {
	r   io.Reader
	buf []byte
}

func (b *blocks) Reset(r io.Reader) { b.r = r }

func (b *blocks) Next() ([]byte, error) {
	n, err := io.ReadFull(b.r, b.buf)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // the last piece
	}
	return b.buf[:n], err
}
