package courier

import (
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// CompressedFlag is the flag of the command that runs a courier behind
// Compressed streams.
const CompressedFlag = "compressed"

// pipeWindow is how far back what is sent is looked at for what is the same.
const pipeWindow = 1 << 20

// Compressed is one end of a pair of streams that are compressed. What is written reaches
// the other end at once.
type Compressed struct {
	io.Reader

	mu      sync.Mutex
	encoder *zstd.Encoder // guarded by mu
}

// NewCompressed compresses what is written to out, and decompresses in.
func NewCompressed(in io.Reader, out io.Writer) (*Compressed, error) {
	encoder, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(pipeWindow))
	if err != nil {
		return nil, fmt.Errorf("compress the streams: %w", err)
	}
	decoder, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("compress the streams: %w", err)
	}
	return &Compressed{Reader: decoder, encoder: encoder}, nil
}

// Write sends all of p.
func (c *Compressed) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.encoder.Write(p)
	if err == nil {
		err = c.encoder.Flush()
	}
	return n, err
}

// CloseWrite ends what is written. The underlying stream stays open.
func (c *Compressed) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.encoder.Close()
}
