package rdb

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// Digest is a SHA-256.
type Digest = [sha256.Size]byte

// Sum adds up digests modulo 2^256. It knows how often each was added, not in
// which order, and what was added can be taken away again.
type Sum struct {
	Count int64     `json:"count"`
	Words [4]uint64 `json:"words"` // the least significant first
}

// Add adds a digest.
func (s *Sum) Add(d Digest) {
	s.Count++
	var carry uint64
	for i := range s.Words {
		s.Words[i], carry = bits.Add64(s.Words[i], word(d, i), carry)
	}
}

// Remove takes away a digest that was added.
func (s *Sum) Remove(d Digest) {
	s.Count--
	var borrow uint64
	for i := range s.Words {
		s.Words[i], borrow = bits.Sub64(s.Words[i], word(d, i), borrow)
	}
}

// Digest returns the sum itself.
func (s *Sum) Digest() Digest {
	var d Digest
	for i, w := range s.Words {
		binary.BigEndian.PutUint64(d[len(d)-8*(i+1):], w)
	}
	return d
}

func word(d Digest, i int) uint64 { return binary.BigEndian.Uint64(d[len(d)-8*(i+1):]) }

// digest is the digest of a sequence of texts: each goes in with its length.
func digest(texts ...[]byte) Digest {
	h := sha256.New()
	for _, t := range texts {
		h.Write(binary.AppendUvarint(nil, uint64(len(t))))
		h.Write(t)
	}
	return Digest(h.Sum(nil))
}
