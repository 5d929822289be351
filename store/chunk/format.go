package chunk

import (
	"errors"
	"hash/crc32"

	"dogear/kind"
)

// MaxSize is the length of the longest chunk, and of the longest frame.
const MaxSize = 16 << 20

// Version is the version of the pack format written here.
const Version = 1

const (
	headMagic = "dogearpk"
	tailMagic = "dogearpe"

	headerSize     = 16
	frameEntrySize = 20
	chunkEntrySize = 36
	digestSize     = 32
	trailerSize    = 4 + 4 + digestSize + len(tailMagic)
)

// ErrDamaged says that bytes on disk are not what was written.
var ErrDamaged = errors.New("damaged")

// Codec says how the stored bytes of a frame become its plain content.
type Codec uint32

// The codecs. Their values are part of the format.
const (
	Raw  Codec = 0
	Zstd Codec = 1
)

// Frame is a stretch of a pack that is compressed as a whole.
type Frame struct {
	Offset   int64  // in the pack
	Stored   uint32 // length in the pack
	Plain    uint32 // length once decompressed
	Checksum uint32 // CRC-32C of the stored bytes
	Codec    Codec
	Chunks   uint32 // how many chunks it holds
}

// Location says where in a pack a chunk is.
type Location struct {
	Offset int64  // of its frame in the pack
	Stored uint32 // of its frame
	Plain  uint32 // of its frame
	At     uint32 // where in the frame's plain content it begins
	Length uint32
	Codec  Codec
}

// Entry is a chunk of a pack.
type Entry struct {
	ID kind.ChunkID
	Location
}

// Index is what a pack says about itself, in the order of the file.
type Index struct {
	Frames []Frame
	Chunks []Entry
}

func checksum(stored []byte) uint32 {
	return crc32.Checksum(stored, crc32.MakeTable(crc32.Castagnoli))
}
