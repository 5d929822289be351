package courier

import (
	"context"

	"dogear/kind"
)

// countingSink counts what goes through the pipe to a sink.
type countingSink struct {
	kind.Sink
	traffic *kind.Traffic
}

// Put implements kind.Sink.
func (c *countingSink) Put(ctx context.Context, content []byte) (kind.ChunkID, error) {
	c.traffic.Capture(len(content))
	return c.Sink.Put(ctx, content)
}

// countingSource counts what goes through the pipe from a source.
type countingSource struct {
	kind.Source
	traffic *kind.Traffic
}

var _ kind.Stage = (*countingSource)(nil)

// Get implements kind.Source.
func (c *countingSource) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	content, err := c.Source.Get(ctx, id, buf)
	c.traffic.Restore(len(content))
	return content, err
}

// Piece implements kind.Stage, for a source that is one.
func (c *countingSource) Piece(ctx context.Context, p kind.Piece, buf []byte) ([]byte, bool, error) {
	stage, ok := c.Source.(kind.Stage)
	if !ok {
		return buf, false, nil
	}
	content, found, err := stage.Piece(ctx, p, buf)
	if found {
		c.traffic.Restore(len(content))
	}
	return content, found, err
}
