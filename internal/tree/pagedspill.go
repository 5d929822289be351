package tree

import (
	"context"
	"fmt"

	"dogear/kind"
)

// pagespill is a keeper that copies what it takes to the spill file, raw. It
// is for one goroutine.
type pagespill struct {
	to    *spill
	spans []span
	buf   []byte
	open  int // the first span that is in buf only
}

// span is a number of pages that follow one another in a file and in the
// spill file.
type span struct {
	page, pages int64
	offset      int64 // in the spill file; -1: they are zeros
	block       bool  // they are a block
	length      int64
}

var _ keeper = (*pagespill)(nil)

func (s *pagespill) block(_ context.Context, first int64, data []byte) (kind.ChunkID, error) {
	return kind.ChunkID{}, s.add(span{page: first, pages: pagesOf(int64(len(data))), block: true}, data)
}

func (s *pagespill) page(_ context.Context, at int64, data []byte) error {
	return s.add(span{page: at, pages: 1}, data)
}

func (s *pagespill) zeros(at, pages int64) {
	s.spans = append(s.spans, span{page: at, pages: pages, offset: -1})
}

func (s *pagespill) add(x span, data []byte) error {
	if len(s.buf)+len(data) > deltaSize {
		if err := s.flush(); err != nil {
			return err
		}
	}
	x.offset, x.length = int64(len(s.buf)), int64(len(data))
	s.spans = append(s.spans, x)
	s.buf = append(s.buf, data...)
	return nil
}

func (s *pagespill) end(context.Context) error { return s.flush() }

func (s *pagespill) flush() error {
	at := s.to.reserve(int64(len(s.buf)))
	if _, err := s.to.file.WriteAt(s.buf, at); err != nil {
		return spillError(err)
	}
	for i := range s.spans[s.open:] {
		if x := &s.spans[s.open+i]; x.offset >= 0 {
			x.offset += at
		}
	}
	s.open, s.buf = len(s.spans), s.buf[:0]
	return nil
}

// spillPages copies those pages of a file to the spill file that differ from
// its base.
func (r *reader) spillPages(ctx context.Context, p *pager, rec *record) error {
	var spills []*pagespill
	if err := p.run(ctx, func() keeper {
		spills = append(spills, &pagespill{to: r.spill})
		return spills[len(spills)-1]
	}); err != nil {
		return err
	}
	rec.spilled = &spilled{in: r.spill.file, base: p.base, pages: p.pages}
	for _, s := range spills {
		rec.spilled.spans = append(rec.spilled.spans, s.spans...)
	}
	return nil
}

// storeSpans stores the pages that spillPages copied.
func (r *reader) storeSpans(ctx context.Context, rec *record) error {
	r.read += dataSize(&rec.Entry)
	s := &pagestore{sink: r.sink}
	buf := make([]byte, blockSize)
	for _, x := range rec.spilled.spans {
		if x.offset < 0 {
			s.zeros(x.page, x.pages)
			continue
		}
		data := buf[:x.length]
		if _, err := rec.spilled.in.ReadAt(data, x.offset); err != nil {
			return fmt.Errorf("read spill file: %w", err)
		}
		var err error
		if x.block {
			rec.spilled.pages.blocks[x.page/pagesPerBlock], err = s.block(ctx, x.page, data)
		} else {
			err = s.page(ctx, x.page, data)
		}
		if err != nil {
			return err
		}
	}
	if err := s.end(ctx); err != nil {
		return err
	}
	rec.pages, rec.Digest = rec.spilled.pages, rec.spilled.pages.digest()
	splice(&rec.Entry, rec.spilled.base, s.pieces)
	return nil
}
