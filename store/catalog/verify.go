package catalog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
)

// What a bbolt file consists of (go.etcd.io/bbolt/internal/common).
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	metaSize     = 56 // and its checksum of 8 bytes
	pageHeader   = 16
	elementSize  = 16
	bucketHeader = 16

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10
	flagBucket   = 0x01 // of an element
)

// verifyFile checks the structure of a bbolt file that nobody writes to: each
// page is used once or free, keys are in order, and nothing points outside.
// bbolt itself believes its file: on a damaged one it may recurse for ever, or
// write over what is in use. A file that is missing or empty is in order.
//
// It reports whether one of the two meta pages is not as it should be, as after
// a power cut while it was being written: then the other counts.
func verifyFile(path string) (torn bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	m, torn, err := readMeta(f)
	if err != nil {
		return torn, err
	}
	w := &walk{file: f, meta: m}
	if m.pages > uint64(info.Size())/uint64(m.pageSize) {
		return torn, fmt.Errorf("it ends early, at %d bytes: %w", info.Size(), ErrDamaged)
	}
	w.used = make([]bool, m.pages)
	return torn, w.run()
}

// boltMeta is a meta page.
type boltMeta struct {
	pageSize uint32
	root     uint64 // page of the root bucket
	freelist uint64 // page
	pages    uint64 // how many are in use or free
	txid     uint64
	header   bool // its page says what it is; bbolt does not look
}

// readMeta returns the newer of the valid meta pages.
func readMeta(f io.ReaderAt) (m boltMeta, torn bool, err error) {
	first, ok := parseMeta(f, 0)
	if ok {
		second, ok := parseMeta(f, int64(first.pageSize))
		torn = !ok || !first.header || !second.header
		if ok && second.txid > first.txid {
			first = second
		}
		return first, torn, nil
	}
	for size := int64(1024); size <= 1<<16; size <<= 1 {
		if m, ok := parseMeta(f, size); ok && int64(m.pageSize) == size {
			return m, true, nil
		}
	}
	return m, true, fmt.Errorf("it has no valid meta page: %w", ErrDamaged)
}

func parseMeta(f io.ReaderAt, at int64) (m boltMeta, ok bool) {
	b := make([]byte, pageHeader+metaSize+8)
	if _, err := f.ReadAt(b, at); err != nil {
		return m, false
	}
	head := parsePage(b)
	b = b[pageHeader:]
	u32, u64 := binary.LittleEndian.Uint32, binary.LittleEndian.Uint64
	sum := fnv.New64a()
	sum.Write(b[:metaSize])
	if u32(b) != boltMagic || u32(b[4:]) != boltVersion || u64(b[metaSize:]) != sum.Sum64() {
		return m, false
	}
	m = boltMeta{pageSize: u32(b[8:]), root: u64(b[16:]), freelist: u64(b[32:]), pages: u64(b[40:]), txid: u64(b[48:])}
	m.header = head.flags == flagMeta && head.count == 0 && head.id == min(uint64(at), 1)
	return m, m.pageSize >= 1024 && m.pageSize&(m.pageSize-1) == 0
}

// walk is one pass over all pages.
type walk struct {
	file io.ReaderAt
	meta boltMeta
	used []bool // or free
}

func (w *walk) run() error {
	if len(w.used) < 4 {
		return fmt.Errorf("it has %d pages: %w", len(w.used), ErrDamaged)
	}
	w.used[0], w.used[1] = true, true
	if err := w.freelist(); err != nil {
		return err
	}
	if err := w.tree(w.meta.root, keyRange{}, true); err != nil {
		return err
	}
	for id, used := range w.used {
		if !used {
			return pageError(uint64(id), "is neither in use nor free")
		}
	}
	return nil
}

func pageError(id uint64, what string) error {
	return fmt.Errorf("page %d %s: %w", id, what, ErrDamaged)
}

// claim notes that pages are in use, or free, and are so once only.
func (w *walk) claim(id, n uint64) error {
	if id >= uint64(len(w.used)) || n > uint64(len(w.used))-id {
		return pageError(id, "is outside the file")
	}
	for i := id; i < id+n; i++ {
		if w.used[i] {
			return pageError(i, "is used twice, or free and used")
		}
		w.used[i] = true
	}
	return nil
}

// page is a page in memory, with what it overflows into.
type page struct {
	id    uint64
	flags uint16
	count int
	b     []byte // all of it, header included
}

// read returns a page, and claims it.
func (w *walk) read(id uint64) (page, error) {
	if err := w.claim(id, 1); err != nil {
		return page{}, err
	}
	size := int64(w.meta.pageSize)
	b := make([]byte, size)
	if _, err := w.file.ReadAt(b, int64(id)*size); err != nil {
		return page{}, err
	}
	p := parsePage(b)
	if p.id != id {
		return page{}, pageError(id, "says that it is another")
	}
	more := uint64(binary.LittleEndian.Uint32(b[12:]))
	if more == 0 {
		return p, nil
	}
	if err := w.claim(id+1, more); err != nil {
		return page{}, err
	}
	p.b = make([]byte, int64(more+1)*size)
	_, err := w.file.ReadAt(p.b, int64(id)*size)
	return p, err
}

func parsePage(b []byte) page {
	return page{
		id: binary.LittleEndian.Uint64(b), flags: binary.LittleEndian.Uint16(b[8:]),
		count: int(binary.LittleEndian.Uint16(b[10:])), b: b,
	}
}

func (w *walk) freelist() error {
	p, err := w.read(w.meta.freelist)
	if err != nil {
		return err
	}
	if p.flags != flagFreelist {
		return pageError(p.id, "is no list of free pages")
	}
	ids, count := p.b[pageHeader:], uint64(p.count)
	if count == 0xFFFF {
		count, ids = binary.LittleEndian.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return pageError(p.id, "lists more free pages than fit")
	}
	for i := range count {
		if err := w.claim(binary.LittleEndian.Uint64(ids[i*8:]), 1); err != nil {
			return err
		}
	}
	return nil
}

// keyRange is where keys have to be: from min on, and before end if it is set.
type keyRange struct{ min, end []byte }

// tree checks a page and all below it. Only at the top are there buckets.
func (w *walk) tree(id uint64, within keyRange, top bool) error {
	p, err := w.read(id)
	if err != nil {
		return err
	}
	switch p.flags {
	case flagBranch:
		return w.branch(p, within, top)
	case flagLeaf:
		return w.leaf(p, within, top)
	}
	return pageError(id, "is neither branch nor leaf")
}

func (w *walk) branch(p page, within keyRange, top bool) error {
	if p.count == 0 {
		return pageError(p.id, "is an empty branch")
	}
	keys := make([][]byte, p.count)
	for i := range keys {
		e, ok := p.element(i)
		if !ok {
			return pageError(p.id, "has a key outside of it")
		}
		pos, size := binary.LittleEndian.Uint32(e), binary.LittleEndian.Uint32(e[4:])
		if keys[i], ok = slice(e, pos, size); !ok {
			return pageError(p.id, "has a key outside of it")
		}
	}
	if !inOrder(keys, within) {
		return pageError(p.id, "has keys out of order")
	}
	for i, key := range keys {
		e, _ := p.element(i)
		below := keyRange{min: key, end: within.end}
		if i+1 < len(keys) {
			below.end = keys[i+1]
		}
		if err := w.tree(binary.LittleEndian.Uint64(e[8:]), below, top); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) leaf(p page, within keyRange, top bool) error {
	keys := make([][]byte, p.count)
	for i := range keys {
		e, ok := p.element(i)
		if !ok {
			return pageError(p.id, "has an entry outside of it")
		}
		flags, pos := binary.LittleEndian.Uint32(e), binary.LittleEndian.Uint32(e[4:])
		keySize, valueSize := binary.LittleEndian.Uint32(e[8:]), binary.LittleEndian.Uint32(e[12:])
		var value []byte
		if keys[i], ok = slice(e, pos, keySize); ok {
			value, ok = slice(e[pos:], keySize, valueSize)
		}
		if !ok {
			return pageError(p.id, "has an entry outside of it")
		}
		if top != (flags == flagBucket) || !top && flags != 0 {
			return pageError(p.id, "has an entry of the wrong kind")
		}
		if top {
			if err := w.bucket(p.id, value); err != nil {
				return err
			}
		}
	}
	if !inOrder(keys, within) {
		return pageError(p.id, "has keys out of order")
	}
	return nil
}

// bucket checks a bucket: its root is a page, or is in the value itself.
func (w *walk) bucket(in uint64, value []byte) error {
	if len(value) < bucketHeader || binary.LittleEndian.Uint64(value[8:]) != 0 { // nobody draws numbers from it
		return pageError(in, "has a damaged bucket")
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		return w.tree(root, keyRange{}, false)
	}
	inner := value[bucketHeader:]
	if len(inner) < pageHeader {
		return pageError(in, "has a damaged bucket")
	}
	p := parsePage(inner)
	if p.flags != flagLeaf || p.id != 0 || binary.LittleEndian.Uint32(inner[12:]) != 0 {
		return pageError(in, "has a damaged bucket")
	}
	p.id = in
	return w.leaf(p, keyRange{}, false)
}

// element returns all from the beginning of an element to the end of its page:
// positions count from there.
func (p page) element(i int) ([]byte, bool) {
	at := pageHeader + i*elementSize
	if at+elementSize > len(p.b) {
		return nil, false
	}
	return p.b[at:], true
}

func slice(b []byte, at, size uint32) ([]byte, bool) {
	if uint64(at)+uint64(size) > uint64(len(b)) {
		return nil, false
	}
	return b[at : at+size], true
}

func inOrder(keys [][]byte, within keyRange) bool {
	for i, key := range keys {
		switch {
		case i == 0 && bytes.Compare(key, within.min) < 0,
			i > 0 && bytes.Compare(keys[i-1], key) >= 0,
			within.end != nil && bytes.Compare(key, within.end) >= 0:
			return false
		}
	}
	return true
}
