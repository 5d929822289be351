package courier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"dogear/internal/tree"
	"dogear/kind"
)

// batch is the number of entries in one answer.
const batch = 500

// Serve does the work that the host asks for, until the host closes in.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	s := &server{ctx: ctx, things: newThings()}
	s.peer = newPeer(out, s.work)
	return s.peer.run(ctx, in)
}

// ServeCompressed is Serve behind streams that are compressed.
func ServeCompressed(ctx context.Context, in io.Reader, out io.Writer) error {
	streams, err := NewCompressed(in, out)
	if err != nil {
		return err
	}
	return errors.Join(Serve(ctx, streams, streams), streams.CloseWrite())
}

// server is the courier's end.
type server struct {
	ctx    context.Context // of the whole service
	peer   *peer
	things *things // cursors and captures
}

// running is a capture, the sink that it puts content in, and in the end what
// it captured.
type running struct {
	tree.Capture
	sink    *sink
	entries iter.Seq2[tree.Entry, error]
}

func (s *server) work(ctx context.Context, q *question) (*answer, error) {
	switch q.Method {
	case hello:
		return &answer{}, nil
	case reach:
		content, err := os.ReadFile(q.Name)
		return &answer{Content: content}, err
	case entries:
		return s.open(q)
	case next:
		return s.next(q.On)
	case drop:
		return s.drop(q.On)
	case capture:
		return s.capture(ctx, q)
	case prepare, take, finish:
		return s.step(ctx, q)
	case end:
		return s.end(q.On)
	case compare, apply:
		return s.change(ctx, q)
	case search:
		return s.search(ctx, q)
	}
	return nil, fmt.Errorf("the courier does not know %q", q.Method)
}

func (s *server) options(o options) tree.Options {
	opts := tree.Options{Nested: o.Nested, Skip: o.Skip, First: o.First, InPlace: o.InPlace, Within: o.Within, Only: o.Only}
	if o.Index != 0 {
		opts.Index = &index{peer: s.peer, on: o.Index}
	}
	return opts
}

// cursor is a stream of entries that is asked for batch by batch.
type cursor struct {
	next   func() (tree.Entry, error, bool)
	stop   func()
	cancel context.CancelFunc
}

func (s *server) cursor(stream func(ctx context.Context) iter.Seq2[tree.Entry, error]) handle {
	ctx, cancel := context.WithCancel(s.ctx)
	next, stop := iter.Pull2(stream(ctx))
	return s.things.add(&cursor{next: next, stop: stop, cancel: cancel})
}

// open returns the entries of a live tree, or of a capture that is finished.
func (s *server) open(q *question) (*answer, error) {
	stream := func(ctx context.Context) iter.Seq2[tree.Entry, error] {
		return tree.New(q.Root).Entries(ctx, s.options(q.Options))
	}
	if q.On != 0 {
		c, err := thing[*running](s.things, q.On)
		if err != nil {
			return nil, err
		}
		stream = func(context.Context) iter.Seq2[tree.Entry, error] { return c.entries }
	}
	return &answer{On: s.cursor(stream)}, nil
}

func (s *server) next(on handle) (*answer, error) {
	c, err := thing[*cursor](s.things, on)
	if err != nil {
		return nil, err
	}
	a := &answer{Entries: make([]tree.Entry, 0, batch)}
	for len(a.Entries) < batch {
		e, err, more := c.next()
		if err != nil {
			return nil, err
		}
		if !more {
			a.Last = true
			break
		}
		a.Entries = append(a.Entries, e)
	}
	return a, nil
}

func (s *server) drop(on handle) (*answer, error) {
	if c, ok := s.things.remove(on).(*cursor); ok {
		c.cancel()
		c.stop()
	}
	return &answer{}, nil
}

func (s *server) capture(ctx context.Context, q *question) (*answer, error) {
	to := newSink(s.peer, q.On, q.Deposit)
	begun, err := tree.New(q.Root).Capture(ctx, s.options(q.Options), to)
	if err != nil {
		return nil, err
	}
	return &answer{On: s.things.add(&running{Capture: begun, sink: to})}, nil
}

// step runs one step of a capture. It is over when the host has everything.
func (s *server) step(ctx context.Context, q *question) (*answer, error) {
	c, err := thing[*running](s.things, q.On)
	if err != nil {
		return nil, err
	}
	a := &answer{}
	switch q.Method {
	case prepare:
		err = c.Prepare(ctx)
		a.Captured.BytesRead = c.Read()
	case take:
		err = c.Take(ctx)
	case finish:
		err = s.finish(ctx, c, a)
	}
	if flushed := c.sink.flush(ctx); err == nil {
		err = flushed
	}
	return a, err
}

func (s *server) finish(ctx context.Context, c *running, a *answer) error {
	result, err := c.Finish(ctx)
	if err != nil {
		return err
	}
	a.Captured = captured{Manifest: result.Manifest, Held: result.Held, Gaps: result.Gaps, BytesRead: result.BytesRead, Delta: result.Delta}
	c.entries = result.Entries
	return nil
}

func (s *server) end(on handle) (*answer, error) {
	if c, ok := s.things.remove(on).(*running); ok {
		return &answer{}, errors.Join(c.Close(), c.sink.close())
	}
	return &answer{}, nil
}

func (s *server) search(ctx context.Context, q *question) (*answer, error) {
	if q.On != 0 {
		q.Search.Seen = &index{peer: s.peer, on: q.On}
	}
	found, err := tree.New(q.Root).Search(ctx, q.Search)
	return &answer{Found: found}, err
}

func (s *server) change(ctx context.Context, q *question) (*answer, error) {
	t, opts, from := tree.New(q.Root), s.options(q.Options), newSource(s.peer, q)
	defer from.close()
	do := t.Compare
	if q.Method == apply {
		do = t.Apply
	}
	changes, err := do(ctx, opts, q.Manifest, from)
	return &answer{Changes: changes}, err
}

var (
	_ kind.Sink  = (*sink)(nil)
	_ tree.Index = (*index)(nil)
)
