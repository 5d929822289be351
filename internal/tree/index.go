package tree

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"slices"
	"time"
)

// The stat index is a cache of records: its heading, which holds the version,
// then for each record the entry as in a manifest, the stamp and the time at
// which it was read, of a paged file also what finds its changed pages, and at
// last the SHA-256 of all before. An index that is damaged in any way is no
// index.
const indexHeading = "dogear stat index 2\n"

// trustAfter is how much older than the time it was read a ctime has to be
// for a record to be kept. Within one process the kernel's tick decides (see
// stamp.settles); what is kept for days leaves room for clocks that were set
// and for file servers with clocks of their own.
const trustAfter = 2 * time.Second

// shortRecord is less than the bytes of most records of a stat index.
const shortRecord = 96

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
	d := decoder{r: bufio.NewReader(bytes.NewReader(body[len(indexHeading):]))}
	records := make([]record, 0, len(body)/shortRecord)
	for d.more() {
		records = append(records, d.record())
	}
	if d.err != nil {
		return nil
	}
	return records
}

// saveIndex keeps those records that can be trusted later.
func saveIndex(index Index, records []record) error {
	if index == nil {
		return nil
	}
	e := encoder{buf: slices.Grow([]byte(indexHeading), 128*len(records))}
	for i := range records {
		r := &records[i]
		switch {
		case r.Type == Boundary || r.Unread:
		case !r.Unstable && r.readAt.Sub(r.stamp.ctime.time()) > trustAfter:
			e.record(r)
		case r.pages != nil: // to compare with, when it is read again
			untrusted := *r
			untrusted.stamp = stamp{}
			e.record(&untrusted)
		}
	}
	sum := sha256.Sum256(e.buf)
	return index.Save(append(e.buf, sum[:]...))
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
	for i := pagesOf(size); i > 0 && d.err == nil; i-- {
		var one print
		d.full(one[:])
		p.prints = append(p.prints, one)
	}
	for i := blocksOf(size); i > 0 && d.err == nil; i-- {
		p.blocks = append(p.blocks, d.digest())
	}
	return p
}
