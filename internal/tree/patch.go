package tree

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// place is where a run of pages belongs in a file.
type place struct {
	page int64
	run  Run
}

// placesOf returns where every page of a paged file belongs.
func placesOf(e *Entry) []place {
	places := make([]place, 0, len(e.Recipe.Runs))
	page := int64(0)
	for _, run := range e.Recipe.Runs {
		places = append(places, place{page: page, run: run})
		page += run.Pages
	}
	return places
}

// differing returns where the pages of want belong that live does not have at
// the same place.
func differing(live, want *Entry) []place {
	var places []place
	l, w := runCursor{runs: live.Recipe.Runs}, runCursor{runs: want.Recipe.Runs}
	for page, end := int64(0), pagesOf(want.Size); page < end; {
		n := min(l.left().Pages, w.left().Pages, end-page)
		have, run := l.take(n), w.take(n)
		if !samePages(live, have, want, run) {
			places = append(places, place{page: page, run: run})
		}
		page += n
	}
	return places
}

func samePages(a *Entry, x Run, b *Entry, y Run) bool {
	if x.Chunk < 0 || y.Chunk < 0 {
		return x.Chunk == zeros && y.Chunk == zeros
	}
	return a.Chunks[x.Chunk] == b.Chunks[y.Chunk] && x.First == y.First
}

func pagesAt(places []place) int64 {
	n := int64(0)
	for _, p := range places {
		n += p.run.Pages
	}
	return n
}

// neededBy returns the chunks whose pages belong to places, each once, in
// their order.
func neededBy(e *Entry, places []place) []kind.ChunkID {
	needed := make([]bool, len(e.Chunks))
	for _, p := range places {
		if p.run.Chunk >= 0 {
			needed[p.run.Chunk] = true
		}
	}
	var ids []kind.ChunkID
	for i, id := range e.Chunks {
		if needed[i] {
			ids = append(ids, id)
		}
	}
	return ids
}

// patch writes the pages of a file in place that differ, and checks that it
// has the wanted digest then. A patch that is cut short is done again, or
// taken back: the store has the pages of both. So they are written once, and
// to no other file before.
func (w *writer) patch(ctx context.Context, a action) (err error) {
	dir, name, err := w.dirs.parent(a.want.Path)
	if err != nil {
		return err
	}
	fd, err := open(dir, name, unix.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeWritten(fd)) }()
	s, _, err := status(fd, "")
	if err != nil {
		return err
	}
	if s != a.live.stamp {
		return errors.New("it changed while it was being restored")
	}
	if err := unsettle(fd); err != nil {
		return err
	}
	out := pageWriter{fd: fileAt(fd), want: a.want, places: differing(&a.live.Entry, a.want), punch: true}
	if err := out.run(ctx, w); err != nil {
		return err
	}
	if err := out.verify(a.live); err != nil {
		return err
	}
	return setMeta(dir, name, a.want)
}

// unsettle gives a file another stamp that outlasts a loss of power. Pages
// that are written in place reach the disk in any order, also before their
// file's times: a stat index would then vouch for what is gone.
func unsettle(fd int) error {
	now := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Nsec: unix.UTIME_NOW}}
	if err := unix.UtimesNanoAt(fd, "", now, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("set times: %w", err)
	}
	if err := unix.Fsync(fd); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

// fillPages writes a new paged file.
func (w *writer) fillPages(ctx context.Context, fd int, e *Entry) error {
	out := pageWriter{fd: fileAt(fd), want: e, places: placesOf(e)}
	if err := out.run(ctx, w); err != nil {
		return err
	}
	return out.verify(nil)
}

// pageWriter writes pages to their places in a file.
type pageWriter struct {
	fd     fileAt
	want   *Entry
	places []place
	punch  bool // the file may have data where holes are wanted
}

// run writes all places, and fetches each chunk once.
func (p *pageWriter) run(ctx context.Context, w *writer) error {
	places := slices.Clone(p.places)
	slices.SortStableFunc(places, func(a, b place) int { return int(a.run.Chunk) - int(b.run.Chunk) })
	last := int32(zeros)
	var chunk []byte
	for _, at := range places {
		if at.run.Chunk != last {
			var err error
			if chunk, err = w.source.Get(ctx, p.want.Chunks[at.run.Chunk], w.buf); err != nil {
				return fmt.Errorf("fetch content: %w", err)
			}
			w.buf, last = chunk, at.run.Chunk
		}
		if err := p.write(at, chunk); err != nil {
			return err
		}
		w.started(int(p.fd), int(at.run.Pages)*pageSize)
	}
	if err := unix.Ftruncate(int(p.fd), p.want.Size); err != nil {
		return fmt.Errorf("set size: %w", err)
	}
	return nil
}

// write writes the pages of one place.
func (p *pageWriter) write(at place, chunk []byte) error {
	x := Extent{Offset: at.page * pageSize}
	x.Length = min(at.run.Pages*pageSize, p.want.Size-x.Offset)
	if at.run.Chunk < 0 {
		return p.writeZeros(x)
	}
	from := at.run.First * pageSize
	if from+x.Length > int64(len(chunk)) {
		return errors.New("a chunk is shorter than its pages")
	}
	data := chunk[from:][:x.Length]
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
