package tree

import (
	"crypto/sha256"
	"math/rand/v2"

	"github.com/zeebo/xxh3"

	"dogear/kind"
)

// pages is what is kept of the content of a paged file to find what changes
// in it. It is no part of a manifest: without it the file is read as if it
// were new.
type pages struct {
	seed   uint64 // of the fingerprints, so that nobody can choose two alike
	prints []print
	blocks []kind.ChunkID // SHA-256 of each block
}

// print is the fingerprint of a page: 128 bits of XXH3. Two pages of a file
// that follow each other in time have the same one by a chance of 2^-128.
type print [16]byte

func newPages(seed uint64, size int64) *pages {
	return &pages{seed: seed, prints: make([]print, pagesOf(size)), blocks: make([]kind.ChunkID, blocksOf(size))}
}

func newSeed() uint64 { return rand.Uint64() }

func (p *pages) print(page []byte) print { return xxh3.Hash128Seed(page, p.seed).Bytes() }

// size returns about how many bytes it takes to keep.
func (p *pages) size() int {
	if p == nil {
		return 0
	}
	return len(p.prints)*len(print{}) + len(p.blocks)*sha256.Size
}

// digest returns the digest of the file.
func (p *pages) digest() [32]byte {
	sum := sha256.New()
	for _, block := range p.blocks {
		sum.Write(block[:])
	}
	return [32]byte(sum.Sum(nil))
}
