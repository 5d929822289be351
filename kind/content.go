package kind

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// ChunkID names a chunk: the SHA-256 of its plain content.
type ChunkID [sha256.Size]byte

// Sum returns the id of a chunk with the given content.
func Sum(content []byte) ChunkID { return sha256.Sum256(content) }

// String returns the id in hexadecimal.
func (id ChunkID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText writes the id in hexadecimal.
func (id ChunkID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is the reverse of MarshalText.
func (id *ChunkID) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(id) {
		return fmt.Errorf("chunk id of %d characters, want %d", len(text), hex.EncodedLen(len(id)))
	}
	_, err := hex.Decode(id[:], text)
	return err
}

// Sink takes the content of one part. What a capture has asked about (with
// the answer yes) or has put is what the part keeps alive in the store: a
// capture that trusts an earlier one for a chunk asks for it here.
// It is safe for concurrent use.
type Sink interface {
	// Known reports for each chunk whether the store has it.
	Known(ctx context.Context, ids []ChunkID) ([]bool, error)
	// Put stores a chunk and returns its id, Sum(content). A chunk that is
	// already there costs a look-up. content is not retained.
	Put(ctx context.Context, content []byte) (ChunkID, error)
}

// Adopter is a Sink that takes content as whole packs too (package store/chunk),
// which another process writes to where this one keeps its own.
type Adopter interface {
	Sink
	// Incoming returns the directory in which packs are created.
	Incoming() string
	// Adopt puts all chunks of a finished pack there, after it has checked
	// every byte of it. It is given by name, without extension; no pack that
	// is not adopted outlives the sink's store being closed.
	Adopt(ctx context.Context, pack string) error
}

// Source gives content back. It is safe for concurrent use.
type Source interface {
	// Get returns the content of a chunk, checked against its id, in buf if
	// it is large enough.
	Get(ctx context.Context, id ChunkID, buf []byte) ([]byte, error)
}

// Packed is a Source that has its content in packs (package store/chunk), which
// another process may read for itself.
type Packed interface {
	Source
	// Packs returns the directory that the packs are in; "": there is none.
	Packs() string
	// PackOf returns the name, without extension, of the pack that holds a
	// chunk, or "" if none does. Packs come and go: Get has what is not there.
	PackOf(ctx context.Context, id ChunkID) (string, error)
}

// Piece is some of the bytes of a chunk. Without a length it is all of them.
type Piece struct {
	Chunk          ChunkID
	Offset, Length int64
}

// Stage is a Source that has some content at hand: what was read before, and
// checked then.
type Stage interface {
	Source
	// Piece returns a piece, in buf if it is large enough, and false if it is
	// not at hand.
	Piece(ctx context.Context, p Piece, buf []byte) ([]byte, bool, error)
}

// Object is a stream of bytes in the store: its chunks, in order.
type Object struct {
	Name   string    `json:"name"`
	Size   int64     `json:"size"`
	Chunks []ChunkID `json:"chunks"`
	// Listed says that the chunks hold, one after another, the ids of those
	// that hold the object: it has too many to name.
	Listed bool `json:"listed,omitempty"`
}
