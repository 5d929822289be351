package chunk

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// compressor turns plain frames into stored ones. It is for one goroutine.
type compressor struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
	stored  []byte
	again   []byte
}

func (c *compressor) close() {
	if c.decoder != nil {
		c.decoder.Close()
	}
}

// compress returns what to store for a frame. The result is valid until the
// next call. What was compressed has been decompressed again and compared:
// once written, nobody could tell what it should have been.
func (c *compressor) compress(plain []byte) ([]byte, Codec, error) {
	if c.encoder == nil {
		c.encoder, c.decoder = newEncoder(), newDecoder(1)
	}
	c.stored = c.encoder.EncodeAll(plain, c.stored[:0])
	if len(c.stored) > len(plain)-len(plain)*3/100 || len(c.stored) >= len(plain) {
		return plain, Raw, nil
	}
	var err error
	c.again, err = c.decoder.DecodeAll(c.stored, c.again[:0])
	if err != nil || !bytes.Equal(plain, c.again) {
		return nil, Raw, errors.Join(errors.New("what was compressed does not decompress to the same again"), err)
	}
	return c.stored, Zstd, nil
}

// newEncoder makes an encoder for frames. Our own checksums make zstd's
// superfluous. The window comes before the level, which would cut blocks of
// zstd's in half otherwise: a frame that is one block takes a tenth less time.
// It fails only for options that contradict each other.
func newEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithWindowSize(frameTarget),
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false))
	if err != nil {
		panic(fmt.Sprintf("zstd options: %v", err))
	}
	return e
}

// newDecoder makes a decoder that so many goroutines may use at once, and that
// no damaged frame can make ask for more memory than a frame may have.
func newDecoder(users int) *zstd.Decoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(users),
		zstd.WithDecoderMaxMemory(MaxSize),
		zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(fmt.Sprintf("zstd options: %v", err))
	}
	return d
}

// decompress returns the plain content of a stored frame, in buf if it is
// large enough.
func decompress(d *zstd.Decoder, f Frame, stored, buf []byte) ([]byte, error) {
	if f.Codec == Raw {
		return append(buf[:0], stored...), nil
	}
	if cap(buf) < int(f.Plain) {
		buf = make([]byte, 0, f.Plain)
	}
	plain, err := d.DecodeAll(stored, buf[:0])
	if err != nil {
		return nil, fmt.Errorf("decompress: %w: %w", err, ErrDamaged)
	}
	if len(plain) != int(f.Plain) {
		return nil, fmt.Errorf("frame of %d bytes, want %d: %w", len(plain), f.Plain, ErrDamaged)
	}
	return plain, nil
}
