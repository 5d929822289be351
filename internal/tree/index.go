package tree

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The stat index is a cache of records: its heading, which holds the version,
// the boot of the machine during which it was written, the number of records, then for each record the entry as in a manifest, the stamp and the time at
// which it was read, of a paged file also what finds its changed pages, and at
// last the SHA-256 of all before. An index that is damaged in any way is no
// index.
const indexHeading = "dogear stat index 4\n"

// trustAfter is how much older than the time it was read a ctime has to be
// for a record to be kept, where somebody else's clock may have made it: a
// file server's, say. Where the kernel stamps files itself, its tick decides
// (see stamp.settles), as it does within one process.
const trustAfter = 2 * time.Second

// room returns what a record's ctime has to be older than its tick for it to be
// kept.
func room(root int) time.Duration {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(root, &fs); err != nil {
		return trustAfter
	}
	switch uint64(fs.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return 0
	}
	return trustAfter
}

// writtenBack is the time within which the kernel puts on disk what was written
// to a file, with a margin: by default it waits for half a minute.
const writtenBack = time.Minute

// boot names the time since the machine was started, "" if nobody knows.
var boot = sync.OnceValue(func() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
})

// survives reports whether a record is to be believed after another start of
// the machine. If its power was cut, what was written last may be lost, and the
// stamp not: most easily in a file that is written in place.
func (r *record) survives() bool {
	return !r.isPaged() && r.stamp.ctime.time().Add(writtenBack).Before(r.readAt)
}

// minRecord is less than the bytes of any record of a stat index.
const minRecord = 24

// loadBeside begins to load a stat index. The caller calls the function, which
// waits for the records.
func loadBeside(index Index) func() []record {
	loaded := make(chan []record)
	go func() { loaded <- loadIndex(index) }()
	return func() []record { return <-loaded }
}

// loadIndex returns the records of a stat index, sorted.
func loadIndex(index Index) []record {
	if index == nil {
		return nil
	}
	b := index.Load()
	if len(b) < len(indexHeading)+sha256.Size {
		return nil
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if !bytes.HasPrefix(body, []byte(indexHeading)) {
		return nil
	}
	if actual := sha256.Sum256(body); !bytes.Equal(actual[:], sum) {
		return nil
	}
	d := decoder{r: bufio.NewReaderSize(bytes.NewReader(body[len(indexHeading):]), 64<<10)}
	written := d.str()
	sameBoot := written != "" && written == boot()
	records := make([]record, 0, min(d.uint(), uint64(len(body)/minRecord)))
	for d.more() {
		switch r := d.record(); {
		case sameBoot || r.survives():
			r.indexed = true
			records = append(records, r)
		case r.isPaged():
			records = append(records, r.untrusted())
		}
	}
	if d.err != nil {
		return nil
	}
	return records
}

// saveIndex keeps those records that can be trusted later, unless the index is
// known to hold just these, and returns how many it holds.
func saveIndex(index Index, records []record, room time.Duration, held int) (int, error) {
	if index == nil {
		return 0, nil
	}
	kept, renewed := forIndex(records, room)
	if !renewed && len(kept) == held {
		return held, nil
	}
	if err := index.Save(encodeIndex(kept)); err != nil {
		return 0, fmt.Errorf("save stat index: %w", err)
	}
	for _, r := range kept {
		r.indexed = true
	}
	return len(kept), nil
}

// forIndex selects the records to be kept, and reports whether any of them is
// not in the index.
func forIndex(records []record, room time.Duration) (kept []*record, renewed bool) {
	for i := range records {
		if r := records[i].forIndex(room); r != nil {
			kept = append(kept, r)
			renewed = renewed || !r.indexed
		}
	}
	return kept, renewed
}

func encodeIndex(records []*record) []byte {
	size := 0
	for _, r := range records {
		size += 160 + 32*len(r.Chunks) + r.pages.size()
	}
	e := encoder{buf: slices.Grow([]byte(indexHeading), size)}
	e.str(boot())
	e.uints(uint64(len(records)))
	for _, r := range records {
		e.record(r)
	}
	sum := sha256.Sum256(e.buf)
	return append(e.buf, sum[:]...)
}

// forIndex returns what to keep of a record, nil for nothing.
func (r *record) forIndex(room time.Duration) *record {
	switch {
	case r.Type == Boundary || r.Unread:
		return nil
	case r.kept != nil:
		return r.kept.forIndex(room)
	case !r.Unstable && r.stamp.settles().Add(room).Before(r.readAt):
		return r
	case r.pages != nil:
		untrusted := r.untrusted()
		return &untrusted
	}
	return nil
}

// untrusted is a record of a paged file to compare its pages with, when it is
// read again.
func (r *record) untrusted() record {
	u := *r
	u.stamp = stamp{}
	return u
}

func (e *encoder) record(r *record) {
	e.entry(&r.Entry)
	s := &r.stamp
	e.uints(s.dev, s.ino, uint64(s.mode), uint64(s.uid), uint64(s.gid), uint64(s.nlink), uint64(s.size), s.rdev)
	e.ints(s.mtime.sec, s.mtime.nsec, s.ctime.sec, s.ctime.nsec, r.readAt.Unix(), int64(r.readAt.Nanosecond()))
	if r.isPaged() {
		e.pages(r.pages)
	}
}

func (d *decoder) record() record {
	var r record
	r.Entry, _ = d.entry() // d.err tells
	s := &r.stamp
	s.dev, s.ino = d.uint(), d.uint()
	s.mode, s.uid, s.gid, s.nlink = d.uint32(), d.uint32(), d.uint32(), d.uint32()
	s.size, s.rdev = d.size(), d.uint()
	s.mtime = instant{d.int(), d.int()}
	s.ctime = instant{d.int(), d.int()}
	r.readAt = time.Unix(d.int(), d.int())
	if r.isPaged() {
		r.pages = d.pages(r.Size)
	}
	return r
}

func (e *encoder) pages(p *pages) {
	e.uints(p.seed)
	for i := range p.prints {
		e.buf = append(e.buf, p.prints[i][:]...)
	}
	for i := range p.blocks {
		e.buf = append(e.buf, p.blocks[i][:]...)
	}
}

// pages grows what it returns as it reads: a damaged size must not make us
// allocate.
func (d *decoder) pages(size int64) *pages {
	p := &pages{seed: d.uint()}
	for i := range d.times(pagesOf(size)) {
		p.prints = grown(p.prints, i, pagesOf(size))
		d.full(p.prints[i][:])
	}
	for i := range d.times(blocksOf(size)) {
		p.blocks = grown(p.blocks, i, blocksOf(size))
		d.full(p.blocks[i][:])
	}
	return p
}

// grown makes sure that list has an element i, and makes room for more of the n
// that should come.
func grown[T any](list []T, i uint64, n int64) []T {
	const step = 1 << 16
	if i < uint64(len(list)) {
		return list
	}
	return append(list, make([]T, min(step, n-int64(i)))...)
}
