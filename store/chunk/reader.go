package chunk

import (
	"context"
	"errors"
	"fmt"
	"os"

	"dogear/kind"

	"github.com/klauspost/compress/zstd"
)

// readers is how many frames are decompressed at once.
const readers = 4

// Reader gets chunks out of packs. It is safe for concurrent use.
type Reader struct {
	decoder *zstd.Decoder
	recent  recentFrames
}

// NewReader returns a Reader.
func NewReader() *Reader { return &Reader{decoder: newDecoder(readers)} }

// Close releases the Reader.
func (r *Reader) Close() { r.decoder.Close() }

// Chunk returns the content of a chunk, checked against its id, in buf if it
// is large enough. The error wraps ErrDamaged if it is not what was written.
func (r *Reader) Chunk(ctx context.Context, path string, id kind.ChunkID, where Location, buf []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	content, err := r.read(path, where, buf)
	if err != nil {
		return nil, fmt.Errorf("read chunk %s: %w", id, err)
	}
	if kind.Sum(content) != id {
		return nil, fmt.Errorf("read chunk %s from %s: it has another digest: %w", id, path, ErrDamaged)
	}
	return content, nil
}

func (r *Reader) read(path string, where Location, buf []byte) ([]byte, error) {
	f, err := where.frame()
	if err != nil {
		return nil, err
	}
	end := where.At + where.Length
	switch {
	case f.Codec == Raw:
		return readRange(path, f.Offset+int64(where.At), int(where.Length), buf)
	case where.Length == f.Plain: // nobody shares the frame
		return r.plain(path, f, buf)
	}
	plain := r.recent.get(path, f.Offset)
	if plain == nil {
		if plain, err = r.plain(path, f, nil); err != nil {
			return nil, err
		}
		r.recent.put(path, f.Offset, plain)
	}
	if int(end) > len(plain) {
		return nil, fmt.Errorf("chunk is outside its frame: %w", ErrDamaged)
	}
	return append(buf[:0], plain[where.At:end]...), nil
}

// frame returns what the location says of its frame, checked: the location
// may come from a damaged file.
func (l Location) frame() (Frame, error) {
	f := Frame{Offset: l.Offset, Stored: l.Stored, Plain: l.Plain, Codec: l.Codec, Chunks: 1}
	if err := f.check(); err != nil {
		return Frame{}, err
	}
	if l.At > l.Plain || l.Length > l.Plain-l.At || l.Offset < headerSize {
		return Frame{}, fmt.Errorf("chunk is outside its frame: %w", ErrDamaged)
	}
	return f, nil
}

// plain reads and decompresses a frame.
func (r *Reader) plain(path string, f Frame, buf []byte) ([]byte, error) {
	stored, err := readRange(path, f.Offset, int(f.Stored), nil)
	if err != nil {
		return nil, err
	}
	return decompress(r.decoder, f, stored, buf)
}

// readRange reads a part of a file, in buf if it is large enough. Opening a
// file costs little beside reading from it, and spares us keeping count of
// open files.
func readRange(path string, offset int64, n int, buf []byte) (_ []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	if read, err := f.ReadAt(buf[:n], offset); read < n {
		return nil, fmt.Errorf("%s ends early: %w: %w", path, err, ErrDamaged)
	}
	return buf[:n], nil
}
