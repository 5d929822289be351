package chunk

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// compressor turns plain frames into stored ones. It is for one goroutine.
type compressor struct {
	encoder *zstd.Encoder
	buf     []byte
}

func newCompressor() *compressor { return &compressor{} }

// compress returns what to store for a frame. The result is valid until the
// next call.
func (c *compressor) compress(plain []byte) ([]byte, Codec) {
	if c.encoder == nil {
		c.encoder = newEncoder()
	}
	c.buf = c.encoder.EncodeAll(plain, c.buf[:0])
	if len(c.buf) > len(plain)-len(plain)*3/100 || len(c.buf) >= len(plain) {
		return plain, Raw
	}
	return c.buf, Zstd
}

// newEncoder makes an encoder for frames. Our own checksums make zstd's
// superfluous. It fails only for options that contradict each other.
func newEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(frameTarget),
		zstd.WithEncoderCRC(false))
	if err != nil {
		panic(fmt.Sprintf("zstd options: %v", err))
	}
	return e
}

// newDecoder makes a decoder that several goroutines may use, and that no
// damaged frame can make ask for more memory than a frame may have.
func newDecoder() *zstd.Decoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(2*workers),
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
