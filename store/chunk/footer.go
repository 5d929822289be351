package chunk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"dogear/kind"
)

// encodeHeader returns the first bytes of a pack.
func encodeHeader() []byte {
	b := append(make([]byte, 0, headerSize), headMagic...)
	b = binary.LittleEndian.AppendUint32(b, Version)
	return binary.LittleEndian.AppendUint32(b, 0)
}

// encodeFooter returns footer and trailer: what follows the frames.
func encodeFooter(index Index) []byte {
	b := make([]byte, 0, footerSize(index))
	for _, f := range index.Frames {
		b = binary.LittleEndian.AppendUint32(b, f.Stored)
		b = binary.LittleEndian.AppendUint32(b, f.Plain)
		b = binary.LittleEndian.AppendUint32(b, f.Checksum)
		b = binary.LittleEndian.AppendUint32(b, uint32(f.Codec))
		b = binary.LittleEndian.AppendUint32(b, f.Chunks)
	}
	for _, c := range index.Chunks {
		b = append(b, c.ID[:]...)
		b = binary.LittleEndian.AppendUint32(b, c.Length)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(index.Frames)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(index.Chunks)))
	digest := footerDigest(encodeHeader(), b)
	return append(append(b, digest...), tailMagic...)
}

// footerSize is the length of what encodeFooter returns.
func footerSize(index Index) int64 {
	return int64(len(index.Frames))*frameEntrySize + int64(len(index.Chunks))*chunkEntrySize + int64(trailerSize)
}

func footerDigest(header, counted []byte) []byte {
	h := sha256.New()
	h.Write(header)
	h.Write(counted)
	return h.Sum(nil)
}

// ReadIndex reads what a pack of the given size says about itself, and checks
// that it adds up. The frames are not read.
func ReadIndex(pack io.ReaderAt, size int64) (Index, error) {
	if size < headerSize+int64(trailerSize) {
		return Index{}, fmt.Errorf("pack of %d bytes is too short: %w", size, ErrDamaged)
	}
	header, err := readAt(pack, 0, headerSize)
	if err != nil {
		return Index{}, err
	}
	if err := checkHeader(header); err != nil {
		return Index{}, err
	}
	footer, frames, chunks, err := readFooter(pack, size, header)
	if err != nil {
		return Index{}, err
	}
	return parseFooter(footer, frames, chunks, size)
}

func checkHeader(header []byte) error {
	if string(header[:8]) != headMagic {
		return fmt.Errorf("not a pack: %w", ErrDamaged)
	}
	if v := binary.LittleEndian.Uint32(header[8:]); v != Version {
		return fmt.Errorf("pack of format %d: this version of Dogear reads format %d", v, Version)
	}
	return nil
}

// readFooter returns the footer without the trailer, its digest checked, and
// the numbers of frames and chunks in it.
func readFooter(pack io.ReaderAt, size int64, header []byte) (footer []byte, frames, chunks int, err error) {
	trailer, err := readAt(pack, size-int64(trailerSize), trailerSize)
	if err != nil {
		return nil, 0, 0, err
	}
	if string(trailer[8+digestSize:]) != tailMagic {
		return nil, 0, 0, fmt.Errorf("pack has no end: %w", ErrDamaged)
	}
	frames = int(binary.LittleEndian.Uint32(trailer))
	chunks = int(binary.LittleEndian.Uint32(trailer[4:]))
	length := int64(frames)*frameEntrySize + int64(chunks)*chunkEntrySize
	if length > size-headerSize-int64(trailerSize) {
		return nil, 0, 0, fmt.Errorf("footer is longer than its pack: %w", ErrDamaged)
	}
	counted, err := readAt(pack, size-int64(trailerSize)-length, int(length)+8)
	if err != nil {
		return nil, 0, 0, err
	}
	if !bytes.Equal(footerDigest(header, counted), trailer[8:8+digestSize]) {
		return nil, 0, 0, fmt.Errorf("footer has another digest: %w", ErrDamaged)
	}
	return counted[:length], frames, chunks, nil
}

func parseFooter(footer []byte, frames, chunks int, size int64) (Index, error) {
	index := Index{Frames: make([]Frame, 0, frames), Chunks: make([]Entry, 0, chunks)}
	entries := footer[frames*frameEntrySize:]
	offset := int64(headerSize)
	for i := range frames {
		f := parseFrame(footer[i*frameEntrySize:], offset)
		if err := f.check(); err != nil {
			return Index{}, err
		}
		if int(f.Chunks) > len(entries)/chunkEntrySize {
			return Index{}, fmt.Errorf("frame has more chunks than its pack: %w", ErrDamaged)
		}
		own := entries[:int(f.Chunks)*chunkEntrySize]
		entries = entries[len(own):]
		var err error
		if index.Chunks, err = appendEntries(index.Chunks, f, own); err != nil {
			return Index{}, err
		}
		index.Frames = append(index.Frames, f)
		offset += int64(f.Stored)
	}
	if len(entries) != 0 || offset != size-int64(trailerSize)-int64(len(footer)) {
		return Index{}, fmt.Errorf("footer does not add up: %w", ErrDamaged)
	}
	return index, nil
}

func parseFrame(b []byte, offset int64) Frame {
	return Frame{
		Offset:   offset,
		Stored:   binary.LittleEndian.Uint32(b),
		Plain:    binary.LittleEndian.Uint32(b[4:]),
		Checksum: binary.LittleEndian.Uint32(b[8:]),
		Codec:    Codec(binary.LittleEndian.Uint32(b[12:])),
		Chunks:   binary.LittleEndian.Uint32(b[16:]),
	}
}

func (f Frame) check() error {
	switch {
	case f.Plain > MaxSize || f.Stored > f.Plain:
		return fmt.Errorf("frame of %d bytes, stored as %d: %w", f.Plain, f.Stored, ErrDamaged)
	case f.Codec != Raw && f.Codec != Zstd:
		return fmt.Errorf("frame with codec %d: %w", f.Codec, ErrDamaged)
	case f.Codec == Raw && f.Stored != f.Plain:
		return fmt.Errorf("plain frame of two lengths: %w", ErrDamaged)
	case f.Chunks == 0:
		return fmt.Errorf("frame without chunks: %w", ErrDamaged)
	}
	return nil
}

// appendEntries appends the chunks of one frame, whose entries are in b.
func appendEntries(entries []Entry, f Frame, b []byte) ([]Entry, error) {
	at := uint32(0)
	for ; len(b) > 0; b = b[chunkEntrySize:] {
		length := binary.LittleEndian.Uint32(b[len(kind.ChunkID{}):])
		if length > f.Plain-at {
			return nil, fmt.Errorf("chunk is longer than its frame: %w", ErrDamaged)
		}
		entries = append(entries, Entry{ID: kind.ChunkID(b[:32]), Location: f.locate(at, length)})
		at += length
	}
	if at != f.Plain {
		return nil, fmt.Errorf("chunks do not fill their frame: %w", ErrDamaged)
	}
	return entries, nil
}

func (f Frame) locate(at, length uint32) Location {
	return Location{Offset: f.Offset, Stored: f.Stored, Plain: f.Plain, At: at, Length: length, Codec: f.Codec}
}

func readAt(r io.ReaderAt, offset int64, n int) ([]byte, error) {
	b := make([]byte, n)
	if read, err := r.ReadAt(b, offset); read < n {
		return nil, fmt.Errorf("read pack: %w", err)
	}
	return b, nil
}
