package chunk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"dogear/kind"

	"github.com/klauspost/compress/zstd"
)

// OpenIndex reads what the pack at path says about itself.
func OpenIndex(path string) (index Index, size int64, err error) {
	err = openPack(path, func(_ io.ReaderAt, i Index, n int64) error {
		index, size = i, n
		return nil
	})
	return index, size, err
}

// Verify reads the pack at path from beginning to end and checks every byte:
// checksums of frames, digests of chunks, and that nothing is left over. It
// goes on behind what is damaged, and returns the chunks that are, if what the
// pack says about itself can be read.
func (r *Reader) Verify(ctx context.Context, path string) (damaged []kind.ChunkID, err error) {
	err = openPack(path, func(pack io.ReaderAt, index Index, _ int64) (err error) {
		damaged, err = r.verifyFrames(ctx, pack, index)
		return err
	})
	return damaged, err
}

func openPack(path string, use func(pack io.ReaderAt, index Index, size int64) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	index, err := ReadIndex(f, info.Size())
	if err != nil {
		return err
	}
	return use(f, index, info.Size())
}

// verifyFrames returns what is damaged, and the first error.
func (r *Reader) verifyFrames(ctx context.Context, pack io.ReaderAt, index Index) (damaged []kind.ChunkID, first error) {
	v := &verification{pack: pack, decoder: r.decoder}
	chunks := index.Chunks
	for _, f := range index.Frames {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		bad, err := v.frame(f, chunks[:f.Chunks])
		if first == nil {
			first = err
		}
		damaged = append(damaged, bad...)
		chunks = chunks[f.Chunks:]
	}
	return damaged, first
}

// verification holds the buffers from frame to frame.
type verification struct {
	pack          io.ReaderAt
	decoder       *zstd.Decoder
	stored, plain []byte
}

// frame returns those of a frame's chunks that are damaged.
func (v *verification) frame(f Frame, chunks []Entry) (damaged []kind.ChunkID, err error) {
	if v.stored, err = readFrame(v.pack, f, v.stored); err == nil {
		v.plain, err = decompress(v.decoder, f, v.stored, v.plain)
	}
	if err != nil {
		v.stored, v.plain = nil, nil
		return idsOf(chunks), fmt.Errorf("frame at %d: %w", f.Offset, err)
	}
	for _, c := range chunks {
		if kind.Sum(v.plain[c.At:c.At+c.Length]) != c.ID {
			damaged = append(damaged, c.ID)
			err = fmt.Errorf("chunk %s has another digest: %w", c.ID, ErrDamaged)
		}
	}
	return damaged, err
}

func idsOf(chunks []Entry) []kind.ChunkID {
	ids := make([]kind.ChunkID, len(chunks))
	for i, c := range chunks {
		ids[i] = c.ID
	}
	return ids
}

// readFrame reads the stored bytes of a frame, in buf if it is large enough,
// and checks them.
func readFrame(pack io.ReaderAt, f Frame, buf []byte) ([]byte, error) {
	buf = grow(buf, int(f.Stored))
	if n, err := pack.ReadAt(buf, f.Offset); n < len(buf) {
		return nil, fmt.Errorf("it cannot be read: %w: %w", err, ErrDamaged)
	}
	if checksum(buf) != f.Checksum {
		return nil, fmt.Errorf("it has another checksum: %w", ErrDamaged)
	}
	return buf, nil
}

func grow(buf []byte, n int) []byte {
	if cap(buf) < n {
		return make([]byte, n)
	}
	return buf[:n]
}
