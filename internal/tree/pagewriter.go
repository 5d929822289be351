package tree

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// pageWriter writes pages to their places in a file.
type pageWriter struct {
	fd     fileAt
	want   *Entry
	places []place
	punch  bool // the file may have data where holes are wanted

	chunk   []byte // the last that was fetched
	fetched int32  // its index, if chunk is not nil
	staged  []byte // a buffer
}

// run writes all places, and fetches each chunk once.
func (p *pageWriter) run(ctx context.Context, w *writer) error {
	places := slices.Clone(p.places)
	slices.SortStableFunc(places, func(a, b place) int { return int(a.run.Chunk) - int(b.run.Chunk) })
	for _, at := range places {
		if err := p.place(ctx, w, at); err != nil {
			return err
		}
		w.started(int(p.fd), int(at.run.Pages)*pageSize)
	}
	if err := unix.Ftruncate(int(p.fd), p.want.Size); err != nil {
		return fmt.Errorf("set size: %w", err)
	}
	return nil
}

func (p *pageWriter) place(ctx context.Context, w *writer, at place) error {
	x := Extent{Offset: at.page * pageSize}
	x.Length = min(at.run.Pages*pageSize, p.want.Size-x.Offset)
	if at.run.Chunk < 0 {
		return p.writeZeros(x)
	}
	data, err := p.fetch(ctx, w, at)
	if err != nil {
		return fmt.Errorf("fetch content: %w", err)
	}
	return p.write(x, data)
}

// fetch returns what belongs to a place: what is at hand of it, or out of its
// chunk.
func (p *pageWriter) fetch(ctx context.Context, w *writer, at place) ([]byte, error) {
	piece := p.want.piece(at)
	if stage, ok := w.source.(kind.Stage); ok {
		data, found, err := stage.Piece(ctx, piece, p.staged)
		if found || err != nil {
			p.staged = data
			return data, err
		}
	}
	if p.chunk == nil || p.fetched != at.run.Chunk {
		chunk, err := w.source.Get(ctx, piece.Chunk, w.buf)
		if err != nil {
			return nil, err
		}
		w.buf, p.chunk, p.fetched = chunk, chunk, at.run.Chunk
	}
	if piece.Offset+piece.Length > int64(len(p.chunk)) {
		return nil, errors.New("a chunk is shorter than its pages")
	}
	return p.chunk[piece.Offset:][:piece.Length], nil
}

// write writes the data of an extent.
func (p *pageWriter) write(x Extent, data []byte) error {
	for _, part := range p.split(x) {
		piece := data[part.Offset-x.Offset:][:part.Length]
		if part.hole && isZero(piece) {
			if err := p.writeZeros(part.Extent); err != nil {
				return err
			}
		} else if _, err := p.fd.WriteAt(piece, part.Offset); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

// writeZeros leaves holes where there shall be some.
func (p *pageWriter) writeZeros(x Extent) error {
	for _, part := range p.split(x) {
		if part.hole && (!p.punch || p.dig(part.Extent)) {
			continue
		}
		for part.Length > 0 {
			n, err := p.fd.WriteAt(zeroBlock[:min(part.Length, blockSize)], part.Offset)
			if err != nil {
				return fmt.Errorf("write: %w", err)
			}
			part.Offset += int64(n)
			part.Length -= int64(n)
		}
	}
	return nil
}

// dig makes a hole, and reports whether it could.
func (p *pageWriter) dig(x Extent) bool {
	return unix.Fallocate(int(p.fd), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, x.Offset, x.Length) == nil
}

// part is a part of an extent that is a hole, or none.
type part struct {
	Extent
	hole bool
}

// split splits an extent where holes begin and end.
func (p *pageWriter) split(x Extent) []part {
	end := x.Offset + x.Length
	i, _ := slices.BinarySearchFunc(p.want.Holes, x.Offset, func(h Extent, at int64) int {
		if h.Offset+h.Length <= at {
			return -1
		}
		return 1
	})
	var parts []part
	add := func(to int64, hole bool) {
		if to = min(to, end); to > x.Offset {
			parts = append(parts, part{Extent{x.Offset, to - x.Offset}, hole})
			x.Offset = to
		}
	}
	for _, h := range p.want.Holes[i:] {
		if x.Offset == end {
			break
		}
		add(h.Offset, false)
		add(h.Offset+h.Length, true)
	}
	add(end, false)
	return parts
}

// verify makes sure that the file has the digest that is wanted. Blocks that
// are one chunk have its digest, which was checked; those that were put
// together of several are read back. Blocks in which nothing was written are
// as they were in live.
func (p *pageWriter) verify(live *record) error {
	have := p.blocksAsTheyWere(live)
	for i, id := range p.wholeBlocks() {
		have[i] = id
	}
	var zero kind.ChunkID
	buf := make([]byte, blockSize)
	for i := range have {
		if have[i] != zero {
			continue
		}
		at := int64(i) * blockSize
		data := buf[:min(blockSize, p.want.Size-at)]
		if _, err := p.fd.ReadAt(data, at); err != nil {
			return fmt.Errorf("read back: %w", err)
		}
		have[i] = kind.Sum(data)
	}
	if (&pages{blocks: have}).digest() != p.want.Digest {
		return errors.New("its pages do not have its digest")
	}
	return nil
}

// readBack reads all blocks in which something was written, makes sure that the
// file has the digest that is wanted, and returns what finds its changed pages.
// It is as long as live, of which the other blocks are known to be still so.
func (p *pageWriter) readBack(live *record) (*pages, error) {
	have := newPages(live.pages.seed, p.want.Size)
	copy(have.prints, live.pages.prints)
	have.blocks = p.blocksAsTheyWere(live)
	buf := make([]byte, blockSize)
	for block := range have.blocks {
		if have.blocks[block] != (kind.ChunkID{}) {
			continue
		}
		at := int64(block) * blockSize
		data := buf[:min(blockSize, p.want.Size-at)]
		if _, err := p.fd.ReadAt(data, at); err != nil {
			return nil, fmt.Errorf("read back: %w", err)
		}
		have.blocks[block] = kind.Sum(data)
		for i := range pagesOf(int64(len(data))) {
			have.prints[int64(block)*pagesPerBlock+i] = have.print(pageIn(data, i))
		}
	}
	if have.digest() != p.want.Digest {
		return nil, errors.New("its pages do not have its digest")
	}
	return have, nil
}

// blocksAsTheyWere returns the digests of the blocks in which nothing was
// written, and zero for the others.
func (p *pageWriter) blocksAsTheyWere(live *record) []kind.ChunkID {
	have := make([]kind.ChunkID, blocksOf(p.want.Size))
	if live == nil {
		return have
	}
	copy(have, live.pages.blocks)
	for _, at := range p.places {
		clear(have[at.page/pagesPerBlock : (at.page+at.run.Pages-1)/pagesPerBlock+1])
	}
	// A block that is longer or shorter than it was is another one.
	if shorter := min(live.Size, p.want.Size); live.Size != p.want.Size && shorter/blockSize < int64(len(have)) {
		have[shorter/blockSize] = kind.ChunkID{}
	}
	return have
}

// wholeBlocks yields those blocks that are all of a chunk, and its id.
func (p *pageWriter) wholeBlocks() func(yield func(int64, kind.ChunkID) bool) {
	return func(yield func(int64, kind.ChunkID) bool) {
		for _, at := range placesOf(p.want) {
			run := at.run
			if run.Chunk < 0 || at.page%pagesPerBlock != 0 || run.First != 0 || run.Pages != p.want.Recipe.Pages[run.Chunk] ||
				run.Pages != pagesOf(min(blockSize, p.want.Size-at.page*pageSize)) {
				continue
			}
			if !yield(at.page/pagesPerBlock, p.want.Chunks[run.Chunk]) {
				return
			}
		}
	}
}
