package tree

import (
	"context"
	"fmt"
	"io"

	"dogear/internal/content"
	"dogear/kind"
)

// WriteContent writes the content of a captured file, holes as zeros.
func WriteContent(ctx context.Context, file Entry, source kind.Source, w io.Writer) error {
	c := contents{Entry: file, ctx: ctx, source: source, w: w}
	var err error
	if file.Recipe != nil {
		err = c.pages()
	} else {
		err = c.data()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", kind.Printable(file.Path), err)
	}
	if c.written != file.Size {
		return fmt.Errorf("%s: its chunks have %d bytes, and it has %d", kind.Printable(file.Path), c.written, file.Size)
	}
	return nil
}

// contents is a file whose content is being written.
type contents struct {
	Entry
	ctx     context.Context
	source  kind.Source
	w       io.Writer
	written int64
	buf     []byte
}

// data writes the chunks with the holes between them.
func (c *contents) data() error {
	holes := c.Holes
	for _, id := range c.Chunks {
		chunk, err := c.source.Get(c.ctx, id, c.buf)
		if err != nil {
			return err
		}
		c.buf = chunk
		for len(chunk) > 0 {
			n := int64(len(chunk))
			if len(holes) > 0 {
				n = min(n, holes[0].Offset-c.written)
			}
			if err := c.write(chunk[:n]); err != nil {
				return err
			}
			if chunk = chunk[n:]; len(holes) > 0 && c.written == holes[0].Offset {
				if err := c.zeros(holes[0].Length); err != nil {
					return err
				}
				holes = holes[1:]
			}
		}
	}
	for _, hole := range holes {
		if err := c.zeros(hole.Length); err != nil {
			return err
		}
	}
	return nil
}

// pages writes the runs of a recipe.
func (c *contents) pages() error {
	for _, run := range c.Recipe.Runs {
		from, length := run.First*content.PageSize, run.Pages*content.PageSize
		length = min(length, c.Size-c.written)
		if run.Chunk < 0 {
			if err := c.zeros(length); err != nil {
				return err
			}
			continue
		}
		chunk, err := c.source.Get(c.ctx, c.Chunks[run.Chunk], c.buf)
		if err != nil {
			return err
		}
		c.buf = chunk
		if int64(len(chunk)) < from+length {
			return fmt.Errorf("chunk %s is too short", c.Chunks[run.Chunk])
		}
		if err := c.write(chunk[from : from+length]); err != nil {
			return err
		}
	}
	return nil
}

func (c *contents) write(p []byte) error {
	n, err := c.w.Write(p)
	c.written += int64(n)
	return err
}

func (c *contents) zeros(n int64) error {
	block := make([]byte, min(n, 1<<16))
	for n > 0 {
		if err := c.write(block[:min(n, int64(len(block)))]); err != nil {
			return err
		}
		n -= min(n, int64(len(block)))
	}
	return nil
}
