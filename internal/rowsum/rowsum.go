// Package rowsum is the digest of the rows of a table, in whatever order they
// come.
package rowsum

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Sum adds up the digests of rows, modulo 2^128. A sum does not know the order
// of the rows, but how often each was there (an exclusive or would not).
//
// It is an io.Writer of a stream in which each row is a line, and that has no
// other line feeds, like the text form of Postgres's COPY.
type Sum struct {
	rows   int64
	hi, lo uint64
	start  []byte // of a row whose end has not been written yet
}

// Write never fails.
func (s *Sum) Write(p []byte) (int, error) {
	written := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			s.start = append(s.start, p...)
			return written, nil
		}
		row := p[:end]
		if len(s.start) > 0 {
			row = append(s.start, row...)
			s.start = row[:0]
		}
		s.add(row)
		p = p[end+1:]
	}
}

func (s *Sum) add(row []byte) {
	digest := sha256.Sum256(row)
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, binary.BigEndian.Uint64(digest[8:16]), 0)
	s.hi, _ = bits.Add64(s.hi, binary.BigEndian.Uint64(digest[:8]), carry)
	s.rows++
}

// Add adds the rows of another sum, whose last row has ended.
func (s *Sum) Add(other *Sum) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, other.lo, 0)
	s.hi, _ = bits.Add64(s.hi, other.hi, carry)
	s.rows += other.rows
}

func (s *Sum) String() string {
	return fmt.Sprintf("%d rows, %016x%016x", s.rows, s.hi, s.lo)
}
