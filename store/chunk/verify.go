package chunk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"dogear/kind"
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
// returns what the pack says about itself.
func (r *Reader) Verify(ctx context.Context, path string) (index Index, err error) {
	err = openPack(path, func(pack io.ReaderAt, i Index, _ int64) error {
		index = i
		return r.verifyFrames(ctx, pack, i)
	})
	return index, err
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

func (r *Reader) verifyFrames(ctx context.Context, pack io.ReaderAt, index Index) error {
	var stored, plain []byte
	chunks := index.Chunks
	for _, f := range index.Frames {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if stored, err = readFrame(pack, f, stored); err != nil {
			return err
		}
		if plain, err = decompress(r.decoder, f, stored, plain); err != nil {
			return fmt.Errorf("frame at %d: %w", f.Offset, err)
		}
		if err := verifyChunks(plain, chunks[:f.Chunks]); err != nil {
			return err
		}
		chunks = chunks[f.Chunks:]
	}
	return nil
}

// readFrame reads the stored bytes of a frame, in buf if it is large enough,
// and checks them.
func readFrame(pack io.ReaderAt, f Frame, buf []byte) ([]byte, error) {
	buf = grow(buf, int(f.Stored))
	if n, err := pack.ReadAt(buf, f.Offset); n < len(buf) {
		return nil, fmt.Errorf("read frame at %d: %w", f.Offset, err)
	}
	if checksum(buf) != f.Checksum {
		return nil, fmt.Errorf("frame at %d has another checksum: %w", f.Offset, ErrDamaged)
	}
	return buf, nil
}

func verifyChunks(plain []byte, chunks []Entry) error {
	for _, c := range chunks {
		if kind.Sum(plain[c.At:c.At+c.Length]) != c.ID {
			return fmt.Errorf("chunk %s has another digest: %w", c.ID, ErrDamaged)
		}
	}
	return nil
}

func grow(buf []byte, n int) []byte {
	if cap(buf) < n {
		return make([]byte, n)
	}
	return buf[:n]
}
