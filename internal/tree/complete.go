package tree

import (
	"context"
	"errors"
	"slices"
)

// isOf reports whether a base is of the very file that is to be read, as it is
// now: all that is missing is then what is not stored of it.
func (base *record) isOf(rec *record) bool {
	return base != nil && base.stamp == rec.stamp && base.isSettled()
}

// errOtherPages says that a file does not have the pages that were seen in it.
var errOtherPages = errors.New("its content changed and its times did not")

// complete stores those pages of a paged file that its base lacks. Blocks that
// need nothing are not read.
func (r *reader) complete(ctx context.Context, from fileAt, rec, base *record) error {
	p := newPager(from, &rec.Entry, base)
	p.again = toStoreAgain(base)
	s := &pagestore{sink: r.sink}
	buf := make([]byte, blockSize)
	for block := range blocksOf(rec.Size) {
		if err := r.completeBlock(ctx, p, s, block, buf); err != nil {
			return err
		}
	}
	if err := s.end(ctx); err != nil {
		return err
	}
	rec.pages, rec.Digest = base.pages, base.Digest
	splice(&rec.Entry, base, s.pieces)
	return nil
}

func (r *reader) completeBlock(ctx context.Context, p *pager, s *pagestore, block int64, buf []byte) error {
	first := block * pagesPerBlock
	end := min(first+pagesPerBlock, int64(len(p.again)))
	if first >= end || !slices.Contains(p.again[first:end], true) {
		return nil
	}
	data := buf[:min(blockSize, p.size-block*blockSize)]
	if err := p.read(data, block*blockSize); err != nil {
		return err
	}
	if err := p.compare(ctx, block, data, s); err != nil {
		return err
	}
	if !slices.Equal(p.prints[first:end], p.base.pages.prints[first:end]) {
		return errOtherPages
	}
	r.read += int64(len(data))
	return nil
}
