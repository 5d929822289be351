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

// PutBlocks stores what r yields in blocks of BlockSize, as files that databases
// update in place are stored: the same content costs nothing a second time.
func PutBlocks(ctx context.Context, sink kind.Sink, name string, r io.Reader) (kind.Object, error) {
	return put(ctx, sink, name, r, &blocks{buf: make([]byte, BlockSize)})
}

// PutList stores what r yields as Put does, cut finer: so that of a long list
// in which a few things changed, only their neighbours are stored anew.
func PutList(ctx context.Context, sink kind.Sink, name string, r io.Reader) (kind.Object, error) {
	s, err := fine()
	if err != nil {
		return kind.Object{}, err
	}
	object, err := put(ctx, sink, name, r, s)
	if err != nil || len(object.Chunks) <= maxNamed {
		return object, err
	}
	list, err := put(ctx, sink, name, bytes.NewReader(Encode(object.Chunks)), s)
	return kind.Object{Name: name, Size: object.Size, Chunks: list.Chunks, Listed: true}, err
}

// maxNamed is how many chunks of a list are named. More are listed in chunks of
// their own, as a snapshot's record is read whole by whoever lists snapshots.
const maxNamed = 16

// Encode returns ids one after another, as an object holds them.
func Encode(ids []kind.ChunkID) []byte {
	b := make([]byte, 0, len(ids)*len(kind.ChunkID{}))
	for _, id := range ids {
		b = append(b, id[:]...)
	}
	return b
}

// Decode is the reverse of Encode.
func Decode(b []byte) ([]kind.ChunkID, error) {
	const size = len(kind.ChunkID{})
	if len(b)%size != 0 {
		return nil, fmt.Errorf("a list of chunks has %d bytes, no multiple of %d", len(b), size)
	}
	ids := make([]kind.ChunkID, 0, len(b)/size)
	for ; len(b) > 0; b = b[size:] {
		ids = append(ids, kind.ChunkID(b[:size]))
	}
	return ids, nil
}

// Chunks returns the ids of the chunks that hold an object.
func Chunks(ctx context.Context, source kind.Source, object kind.Object) ([]kind.ChunkID, error) {
	if !object.Listed {
		return object.Chunks, nil
	}
	var list []byte
	for _, id := range object.Chunks {
		piece, err := source.Get(ctx, id, nil)
		if err != nil {
			return nil, fmt.Errorf("read the list of chunks of %s: %w", object.Name, err)
		}
		list = append(list, piece...)
	}
	return Decode(list)
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
	// The size may be damaged, and is not believed as far as memory goes.
	all := bytes.NewBuffer(make([]byte, 0, max(0, min(object.Size, MaxSize))+bytes.MinRead))
	_, err := all.ReadFrom(Open(ctx, source, object))
	return all.Bytes(), err
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
	chunks []kind.ChunkID // to fetch, once they are known
	known  bool
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
	if !r.known {
		chunks, err := Chunks(r.ctx, r.source, r.object)
		if err != nil {
			return err
		}
		r.chunks, r.known = chunks, true
	}
	if len(r.chunks) == 0 {
		if r.left != 0 {
			return fmt.Errorf("read %s: its chunks are %d bytes short of its size", r.object.Name, r.left)
		}
		return io.EOF
	}
	chunk, err := r.source.Get(r.ctx, r.chunks[0], r.buf)
	if err != nil {
		return fmt.Errorf("read %s: %w", r.object.Name, err)
	}
	r.chunks = r.chunks[1:]
	r.buf, r.unread = chunk, chunk
	r.left -= int64(len(chunk))
	return nil
}
