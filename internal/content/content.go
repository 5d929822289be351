// Package content puts streams of bytes in a sink, cut into chunks, and reads
// them back. It knows nothing of what the bytes mean.
package content

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"dogear/kind"
)

// Put stores what r yields, cut where the content says so.
func Put(ctx context.Context, sink kind.Sink, name string, r io.Reader) (kind.Object, error) {
	s, err := ContentDefined()
	if err != nil {
		return kind.Object{}, err
	}
	return put(ctx, sink, name, r, s)
}

// PutList stores what r yields as Put does, cut finer: so that of a long list
// in which a few things changed, only their neighbours are stored anew.
func PutList(ctx context.Context, sink kind.Sink, name string, r io.Reader) (kind.Object, error) {
	s, err := fine()
	if err != nil {
		return kind.Object{}, err
	}
	return put(ctx, sink, name, r, s)
}

func put(ctx context.Context, sink kind.Sink, name string, r io.Reader, s Splitter) (kind.Object, error) {
	s.Reset(r)
	object := kind.Object{Name: name}
	for {
		chunk, err := s.Next()
		if errors.Is(err, io.EOF) {
			return object, nil
		}
		if err != nil {
			return kind.Object{}, fmt.Errorf("read %s: %w", name, err)
		}
		if err := add(ctx, sink, &object, chunk); err != nil {
			return kind.Object{}, err
		}
	}
}

// PutBytes stores b, as Put does.
func PutBytes(ctx context.Context, sink kind.Sink, name string, b []byte) (kind.Object, error) {
	if len(b) > MinSize {
		return Put(ctx, sink, name, bytes.NewReader(b))
	}
	object := kind.Object{Name: name}
	if len(b) == 0 {
		return object, nil
	}
	return object, add(ctx, sink, &object, b)
}

func add(ctx context.Context, sink kind.Sink, object *kind.Object, chunk []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	id, err := sink.Put(ctx, chunk)
	if err != nil {
		return fmt.Errorf("store %s: %w", object.Name, err)
	}
	object.Chunks = append(object.Chunks, id)
	object.Size += int64(len(chunk))
	return nil
}

// PutJSON stores v as JSON: a driver's private metadata.
func PutJSON(ctx context.Context, sink kind.Sink, name string, v any) (kind.Object, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return kind.Object{}, fmt.Errorf("encode %s: %w", name, err)
	}
	return PutBytes(ctx, sink, name, b)
}

// GetJSON reads an object that PutJSON has stored into v.
func GetJSON(ctx context.Context, source kind.Source, object kind.Object, v any) error {
	b, err := ReadAll(ctx, source, object)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode %s: %w", object.Name, err)
	}
	return nil
}

// ReadAll returns the content of an object.
func ReadAll(ctx context.Context, source kind.Source, object kind.Object) ([]byte, error) {
	return io.ReadAll(Open(ctx, source, object))
}

// Open returns the content of an object as a stream. The source checks each
// chunk; the stream ends in an error if it does not have the object's size.
func Open(ctx context.Context, source kind.Source, object kind.Object) io.Reader {
	return &reader{ctx: ctx, source: source, object: object, left: object.Size}
}

type reader struct {
	ctx    context.Context
	source kind.Source
	object kind.Object
	next   int    // chunk to fetch next
	buf    []byte // of the source's chunks
	unread []byte // rest of the current chunk
	left   int64  // bytes of the object still to come
}

func (r *reader) Read(p []byte) (int, error) {
	for len(r.unread) == 0 {
		if err := r.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

func (r *reader) fetch() error {
	if r.next == len(r.object.Chunks) {
		if r.left != 0 {
			return fmt.Errorf("read %s: its chunks are %d bytes short of its size", r.object.Name, r.left)
		}
		return io.EOF
	}
	chunk, err := r.source.Get(r.ctx, r.object.Chunks[r.next], r.buf)
	if err != nil {
		return fmt.Errorf("read %s: %w", r.object.Name, err)
	}
	r.next++
	r.buf, r.unread = chunk, chunk
	r.left -= int64(len(chunk))
	return nil
}
