package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"dogear/kind"
)

// keeper takes those pages of a file that differ from what is stored, in
// order.
type keeper interface {
	// block takes a block all of whose pages differ, and returns its digest,
	// or nothing if that can wait.
	block(ctx context.Context, first int64, data []byte) (kind.ChunkID, error)
	// page takes a page.
	page(ctx context.Context, at int64, data []byte) error
	// zeros takes pages of zeros.
	zeros(at, pages int64)
	// end is called after the last page.
	end(ctx context.Context) error
}

// pager reads a file and finds the pages that differ from what is stored of
// it. Its ranges are read side by side.
type pager struct {
	from  io.ReaderAt
	size  int64
	holes []Extent
	base  *record // nil: nothing is stored
	again []bool  // pages to be kept though they did not change; may be nil
	*pages
	zeroPrint print        // of a page of them
	zeroBlock kind.ChunkID // of a block of them
}

func newPager(from io.ReaderAt, e *Entry, base *record) *pager {
	p := &pager{from: from, size: e.Size, holes: e.Holes, base: base}
	seed := newSeed()
	if base != nil {
		seed = base.pages.seed
	}
	p.pages = newPages(seed, e.Size)
	p.zeroPrint = p.print(zeroBlock[:pageSize])
	p.zeroBlock = kind.Sum(zeroBlock[:])
	return p
}

// stride is how much is read at once, a multiple of blockSize. What is read
// goes through the processor's cache twice before it is overwritten.
const stride = 512 << 10

// splitFrom is the size from which a file is read in several ranges.
const splitFrom = 16 << 20

// run reads the file, giving each range the keeper that make returns for it.
func (p *pager) run(ctx context.Context, make func() keeper) error {
	ranges := int64(1)
	if p.size >= splitFrom {
		ranges = workers
	}
	group, ctx := errgroup.WithContext(ctx)
	blocks := blocksOf(p.size)
	for i := range ranges {
		k := make()
		group.Go(func() error { return p.between(ctx, blocks*i/ranges, blocks*(i+1)/ranges, k) })
	}
	return group.Wait()
}

// between reads the blocks from one to another.
func (p *pager) between(ctx context.Context, from, to int64, k keeper) error {
	buf := make([]byte, stride)
	holes := p.holes
	for at := from * blockSize; at < min(to*blockSize, p.size); {
		if err := ctx.Err(); err != nil {
			return err
		}
		data := buf[:min(stride, to*blockSize-at, p.size-at)]
		for len(holes) > 0 && holes[0].Offset+holes[0].Length <= at {
			holes = holes[1:]
		}
		if len(holes) > 0 && holes[0].Offset <= at && holes[0].Offset+holes[0].Length >= at+int64(len(data)) {
			clear(data)
		} else if err := p.read(data, at); err != nil {
			return err
		}
		for ; len(data) > 0; data = data[min(blockSize, len(data)):] {
			if err := p.compare(ctx, at/blockSize, data[:min(blockSize, len(data))], k); err != nil {
				return err
			}
			at += int64(min(blockSize, len(data)))
		}
	}
	return k.end(ctx)
}

// read fills buf. Of a file that was cut off meanwhile, what is missing is
// zeros: it is read again, or named as unstable.
func (p *pager) read(buf []byte, at int64) error {
	n, err := p.from.ReadAt(buf, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read: %w", err)
	}
	clear(buf[n:])
	return nil
}

// compare finds the pages of a block that are to be kept.
func (p *pager) compare(ctx context.Context, block int64, data []byte, k keeper) error {
	first := block * pagesPerBlock
	var keep [pagesPerBlock]bool
	kept, changed := int64(0), !p.sameLength(block, len(data))
	for i := range parts(int64(len(data)), pageSize) {
		print := p.print(pageIn(data, i))
		p.prints[first+i] = print
		differs := p.base == nil || first+i >= int64(len(p.base.pages.prints)) || p.base.pages.prints[first+i] != print
		changed = changed || differs
		if differs || p.again != nil && p.again[first+i] {
			keep[i] = true
			kept++
		}
	}
	n := parts(int64(len(data)), pageSize)
	if kept > 0 && p.isZero(data, first) {
		p.blocks[block] = p.sumOfZeros(len(data))
		k.zeros(first, n)
		return nil
	}
	if kept == n {
		var err error
		p.blocks[block], err = k.block(ctx, first, data)
		return err
	}
	p.blocks[block] = p.sum(block, data, changed)
	for i := range n {
		if keep[i] {
			if err := p.keep(ctx, first+i, pageIn(data, i), k); err != nil {
				return err
			}
		}
	}
	return nil
}

// sum returns the digest of a block, which nobody has to work out if it has
// not changed.
func (p *pager) sum(block int64, data []byte, changed bool) kind.ChunkID {
	if changed {
		return kind.Sum(data)
	}
	return p.base.pages.blocks[block]
}

// keep hands over a page.
func (p *pager) keep(ctx context.Context, at int64, page []byte, k keeper) error {
	if p.isZero(page, at) {
		k.zeros(at, 1)
		return nil
	}
	return k.page(ctx, at, page)
}

// pageIn returns page i of a block.
func pageIn(block []byte, i int64) []byte {
	return block[i*pageSize : min((i+1)*pageSize, int64(len(block)))]
}

// sameLength reports whether a block is as long as it was.
func (p *pager) sameLength(block int64, length int) bool {
	return p.base != nil && min(blockSize, p.base.Size-block*blockSize) == int64(length)
}

// isZero reports whether data is zeros. Its first page has a fingerprint by
// now, which nearly always tells that it is not.
func (p *pager) isZero(data []byte, first int64) bool {
	if len(data) >= pageSize && p.prints[first] != p.zeroPrint {
		return false
	}
	return isZero(data)
}

func (p *pager) sumOfZeros(length int) kind.ChunkID {
	if length == blockSize {
		return p.zeroBlock
	}
	return kind.Sum(zeroBlock[:length])
}

// zeroBlock is never written to.
var zeroBlock [blockSize]byte

func isZero(data []byte) bool {
	for ; len(data) > blockSize; data = data[blockSize:] {
		if !bytes.Equal(data[:blockSize], zeroBlock[:]) {
			return false
		}
	}
	return bytes.Equal(data, zeroBlock[:len(data)])
}
