package redis

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"dogear/internal/content"
	"dogear/kind"
)

var _ kind.Importer = (*Driver)(nil)

// Parent is nothing: a server is an item of its own.
func (*Driver) Parent(id kind.ID) kind.ID { return id }

// Import takes an RDB, gzipped or not, as what the memory of a server is to be.
// It is read to its end, and its checksum with it; no server loads it as a file.
// Settings and users stay those of the live server.
func (d *Driver) Import(ctx context.Context, ws *kind.Workspace, item kind.Item, path string, sink kind.Sink) (_ kind.Part, err error) {
	m, err := d.look(ctx, ws, item)
	if err != nil {
		return kind.Part{}, err
	}
	file, err := os.Open(path)
	if err != nil {
		return kind.Part{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	plain, err := unpacked(file)
	if err != nil {
		return kind.Part{}, err
	}
	c := &capture{ws: ws, item: item, sink: sink, meta: m, part: kind.Part{ID: item.ID, RunsIn: item.RunsIn, Claims: item.Claims, Transaction: true}}
	live := m.State
	if err := c.store(ctx, plain, 0); err != nil {
		return kind.Part{}, fmt.Errorf("read it: %w", err)
	}
	if live != nil && m.State.Format > live.Format {
		return kind.Part{}, fmt.Errorf("it has format %d, and %s knows %d: use a server that is not older than the one that wrote it", m.State.Format, m.Version, live.Format)
	}
	if err := c.storeDeadlines(ctx); err != nil {
		return kind.Part{}, err
	}
	object, err := content.PutJSON(ctx, sink, metaObject, m)
	if err != nil {
		return kind.Part{}, err
	}
	c.part.Objects = append(c.part.Objects, object)
	if m.State.ModuleState {
		c.gap("what modules keep beside keys", "only a server's own start can load it")
	}
	c.part.Facts = kind.Stream(m.facts(ws.Redact))
	return c.part, nil
}

// unpacked returns the RDB in a file.
func unpacked(file io.Reader) (io.Reader, error) {
	r := bufio.NewReaderSize(file, 1<<18)
	head, _ := r.Peek(6) // less is a short file
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		unzipped, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("unpack it: %w", err)
		}
		return unzipped, nil
	case bytes.HasPrefix(head, []byte("REDIS")), bytes.HasPrefix(head, []byte("VALKEY")):
		return r, nil
	}
	return nil, errors.New("it is no RDB: what BGSAVE or redis-cli --rdb writes is one, an append-only file is none")
}
