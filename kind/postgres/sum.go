package postgres

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// rowSum adds up the digests of the rows in a COPY stream, modulo 2^128. A
// sum does not know the order of the rows, but how often each was there (an
// exclusive or would not).
//
// It is an io.Writer; COPY's text form writes a line for each row, and no
// other line feeds.
type rowSum struct {
	rows   int64
	hi, lo uint64
	start  []byte // of a row whose end has not been written yet
}

// Write never fails.
func (s *rowSum) Write(p []byte) (int, error) {
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

func (s *rowSum) add(row []byte) {
	digest := sha256.Sum256(row)
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, binary.BigEndian.Uint64(digest[8:16]), 0)
	s.hi, _ = bits.Add64(s.hi, binary.BigEndian.Uint64(digest[:8]), carry)
	s.rows++
}

func (s *rowSum) String() string {
	return fmt.Sprintf("%d rows, %016x%016x", s.rows, s.hi, s.lo)
}
