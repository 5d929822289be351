package tree

import (
	"context"
	"fmt"

	"dogear/kind"
)

// pagestore is a keeper that stores what it takes: a block as a chunk of its
// own, and single pages put together. It is for one goroutine. Without a sink
// it names blocks and leaves single pages unstored.
type pagestore struct {
	sink   kind.Sink
	pieces []piece
	buf    []byte // single pages that are not yet a chunk
	open   int    // the first piece that they are
}

// piece is a number of pages that follow one another in a file and in what
// was stored.
type piece struct {
	at    int64 // the first one in the file
	run   Run   // its chunk is 0, or one of those that are none
	id    kind.ChunkID
	total int64 // pages of the chunk
}

// deltaSize is the size of chunks of single pages.
const deltaSize = 1 << 20

func (s *pagestore) block(ctx context.Context, first int64, data []byte) (kind.ChunkID, error) {
	n := pagesOf(int64(len(data)))
	id, err := s.put(ctx, data)
	if err != nil {
		return id, err
	}
	// Pages before it that are not yet a chunk stay before it in the file;
	// their pieces are filled in later.
	s.pieces = append(s.pieces, piece{at: first, run: Run{Pages: n}, id: id, total: n})
	return id, nil
}

func (s *pagestore) page(ctx context.Context, at int64, data []byte) error {
	if s.sink == nil {
		s.pieces = append(s.pieces, piece{at: at, run: Run{Chunk: unstored, Pages: 1}})
		return nil
	}
	if len(s.buf)+len(data) > deltaSize {
		if err := s.end(ctx); err != nil {
			return err
		}
	}
	s.pieces = append(s.pieces, piece{at: at, run: Run{First: int64(len(s.buf)) / pageSize, Pages: 1}})
	s.buf = append(s.buf, data...)
	return nil
}

func (s *pagestore) zeros(at, pages int64) {
	s.pieces = append(s.pieces, piece{at: at, run: Run{Chunk: zeros, Pages: pages}})
}

// end makes a chunk of the single pages that there are.
func (s *pagestore) end(ctx context.Context) error {
	if len(s.buf) > 0 {
		id, err := s.put(ctx, s.buf)
		if err != nil {
			return err
		}
		for i := range s.pieces[s.open:] {
			if p := &s.pieces[s.open+i]; p.run.Chunk >= 0 && p.total == 0 {
				p.id, p.total = id, pagesOf(int64(len(s.buf)))
			}
		}
		s.buf = s.buf[:0]
	}
	s.open = len(s.pieces)
	return nil
}

func (s *pagestore) put(ctx context.Context, data []byte) (kind.ChunkID, error) {
	if s.sink == nil {
		return kind.Sum(data), ctx.Err()
	}
	id, err := s.sink.Put(ctx, data)
	if err != nil {
		return id, sinkError{fmt.Errorf("store pages: %w", err)}
	}
	return id, nil
}

// splice fills in the chunks and the recipe of a file: the pieces, and where
// there is none, what the base has.
func splice(e *Entry, base *record, pieces []piece) {
	b := newRecipeBuilder()
	var old runCursor
	var from *Entry
	if base != nil {
		old.runs, from = base.Recipe.Runs, &base.Entry
	}
	at := int64(0)
	for _, p := range pieces {
		b.copyOf(from, &old, p.at-at)
		if p.run.Chunk < 0 {
			b.without(p.run.Chunk, p.run.Pages)
		} else {
			b.of(p.id, p.total, p.run.First, p.run.Pages)
		}
		old.skip(p.run.Pages)
		at = p.at + p.run.Pages
	}
	b.copyOf(from, &old, pagesOf(e.Size)-at)
	if base != nil {
		b.inOrderOf(base.Chunks)
	}
	e.Chunks, e.Recipe = b.chunks, &b.Recipe
}
