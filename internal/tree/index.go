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
// which it was read, and at last the SHA-256 of all before. An index that is
// damaged in any way is no index.
const indexHeading = "dogear stat index 1\n"

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
		if r.Type == Boundary || r.Unread || r.Unstable || r.readAt.Sub(r.stamp.ctime.time()) <= trustAfter {
			continue
		}
		e.record(r)
	}
	sum := sha256.Sum256(e.buf)
	return index.Save(append(e.buf, sum[:]...))
}

func (e *encoder) record(r *record) {
	e.entry(&r.Entry)
	s := &r.stamp
	e.uints(s.dev, s.ino, uint64(s.mode), uint64(s.uid), uint64(s.gid), uint64(s.nlink), uint64(s.size), s.rdev)
	e.ints(s.mtime.sec, s.mtime.nsec, s.ctime.sec, s.ctime.nsec, r.readAt.Unix(), int64(r.readAt.Nanosecond()))
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
	return r
}
