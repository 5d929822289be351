package tree

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"dogear/kind"
)

// maxString bounds what a damaged length can make us allocate: longer than
// any path, link target or extended attribute.
const maxString = 1 << 20

// decoder reads what encoder wrote. It stops at the first error; what it
// returns from then on is zero.
type decoder struct {
	r    *bufio.Reader
	path string
	err  error
}

var errDamaged = errors.New("damaged encoding of a tree")

// more reports whether another entry follows.
func (d *decoder) more() bool {
	if d.err != nil {
		return false
	}
	_, err := d.r.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		d.err = err
	}
	return err == nil
}

func (d *decoder) entry() (Entry, error) {
	x := Entry{Path: d.pathname(), Type: Type(d.byte())}
	flags := d.byte()
	if flags&^flagsKnown != 0 {
		d.fail()
	}
	x.Unstable, x.Unread = flags&flagUnstable != 0, flags&flagUnread != 0
	if x.Type != Boundary {
		d.attributes(&x, flags)
	}
	if x.Type.String() == "unknown" {
		d.fail()
	}
	return x, d.err
}

func (d *decoder) attributes(x *Entry, flags byte) {
	x.Mode, x.UID, x.GID = d.uint32(), d.uint32(), d.uint32()
	x.Sec, x.Nsec = d.int(), d.size()
	switch x.Type {
	case Regular:
		d.content(x, flags)
	case Symlink:
		x.Target = d.str()
	case CharDev, BlockDev:
		x.Device = d.uint()
	}
	if flags&flagXattrs != 0 {
		for range d.count() {
			x.Xattrs = append(x.Xattrs, Xattr{Name: d.str(), Value: []byte(d.str())})
		}
	}
	if flags&flagGroup != 0 {
		x.Group = d.str()
	}
}

func (d *decoder) content(x *Entry, flags byte) {
	x.Size = d.size()
	if flags&flagOneChunk == 0 {
		x.Digest = d.digest()
	}
	for range d.count() {
		x.Chunks = append(x.Chunks, kind.ChunkID(d.digest()))
	}
	if flags&flagOneChunk != 0 {
		if len(x.Chunks) != 1 {
			d.fail()
			return
		}
		x.Digest = x.Chunks[0]
	}
	if flags&flagPaged != 0 {
		x.Recipe = d.recipe(len(x.Chunks), x.Size)
	}
	if flags&flagHoles != 0 {
		for range d.count() {
			x.Holes = append(x.Holes, Extent{Offset: d.size(), Length: d.size()})
		}
	}
}

// recipe reads runs until they cover a file of that size.
func (d *decoder) recipe(chunks int, size int64) *Recipe {
	r := &Recipe{}
	for i := 0; i < chunks && d.err == nil; i++ {
		r.Pages = append(r.Pages, d.size())
	}
	last := int64(0)
	for left := pagesOf(size); left > 0 && d.err == nil; {
		run := d.run(&last, int64(chunks))
		if run.Pages == 0 || run.Pages > left {
			d.fail()
		}
		r.Runs = append(r.Runs, run)
		left -= run.Pages
	}
	return r
}

// run reads a run. last is the chunk of the last one that had any.
func (d *decoder) run(last *int64, chunks int64) Run {
	head := d.uint()
	run := Run{Pages: int64(head >> 2)}
	switch head & 3 {
	case runOfZeros:
		run.Chunk = zeros
		return run
	case runUnstored:
		run.Chunk = unstored
		return run
	case runOfChunk:
	default:
		d.fail()
	}
	*last += d.int()
	if *last < 0 || *last >= min(chunks, 1<<31) {
		d.fail()
		return run
	}
	run.Chunk, run.First = int32(*last), d.size()
	return run
}

func (d *decoder) pathname() string {
	shared := d.uint()
	suffix := d.str()
	if shared > uint64(len(d.path)) {
		d.fail()
		return ""
	}
	d.path = d.path[:shared] + suffix
	return d.path
}

// count yields as many numbers as follow, fewer after an error: a damaged
// count must not make us allocate or loop.
func (d *decoder) count() func(yield func(uint64) bool) {
	return d.times(d.size())
}

// times yields the numbers below n, fewer after an error.
func (d *decoder) times(n int64) func(yield func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for i := uint64(0); int64(i) < n && d.err == nil; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errDamaged
	}
}

func (d *decoder) check(err error) {
	if d.err == nil && err != nil {
		d.err = fmt.Errorf("%w: %w", errDamaged, err)
	}
}

func (d *decoder) uint() uint64 {
	if d.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(d.r)
	d.check(err)
	return v
}

func (d *decoder) uint32() uint32 {
	v := d.uint()
	if v > 1<<32-1 {
		d.fail()
	}
	return uint32(v)
}

// size reads a number that fits an int64.
func (d *decoder) size() int64 {
	v := d.uint()
	if v > 1<<63-1 {
		d.fail()
		return 0
	}
	return int64(v)
}

func (d *decoder) int() int64 {
	if d.err != nil {
		return 0
	}
	v, err := binary.ReadVarint(d.r)
	d.check(err)
	return v
}

func (d *decoder) byte() byte {
	if d.err != nil {
		return 0
	}
	b, err := d.r.ReadByte()
	d.check(err)
	return b
}

func (d *decoder) digest() [32]byte {
	var sum [32]byte
	d.full(sum[:])
	return sum
}

func (d *decoder) str() string {
	n := d.uint()
	if n > maxString {
		d.fail()
	}
	if d.err != nil {
		return ""
	}
	b := make([]byte, n)
	d.full(b)
	return string(b)
}

func (d *decoder) full(b []byte) {
	if d.err != nil {
		return
	}
	_, err := io.ReadFull(d.r, b)
	d.check(err)
}
