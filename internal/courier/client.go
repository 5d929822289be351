package courier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"dogear/internal/tree"
	"dogear/kind"
)

// Client is the host's end. It is safe for concurrent use.
type Client struct {
	peer    *peer
	things  *things // sinks, sources and indexes
	deposit deposit
	packs   deposit // from which the courier may read
	done    chan struct{}
	err     error // set when done is closed
}

// NewClient talks to a courier that reads what is written to out, and whose
// answers come from in. It ends when in ends.
func NewClient(in io.Reader, out io.Writer) *Client {
	c := &Client{things: newThings(), done: make(chan struct{})}
	c.peer = newPeer(out, c.work)
	go func() {
		defer close(c.done)
		c.err = c.peer.run(context.Background(), in)
	}()
	return c
}

// Wait returns when the courier has ended.
func (c *Client) Wait(ctx context.Context) error {
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Ended reports whether the courier is gone.
func (c *Client) Ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// Hello returns once the courier has answered.
func (c *Client) Hello(ctx context.Context) error {
	_, err := c.peer.ask(ctx, &question{Method: hello})
	return err
}

// ReadFile reads a small file as the courier sees it.
func (c *Client) ReadFile(ctx context.Context, name string) ([]byte, error) {
	a, err := c.peer.ask(ctx, &question{Method: reach, Name: name})
	if err != nil {
		return nil, err
	}
	return a.Content, nil
}

// Tree returns the tree at root, an absolute path as the courier sees it.
func (c *Client) Tree(root string) tree.Tree { return &remote{client: c, root: root} }

// work answers the courier's questions.
func (c *Client) work(ctx context.Context, q *question) (*answer, error) {
	switch q.Method {
	case known, put, adopt:
		to, err := thing[kind.Sink](c.things, q.On)
		if err != nil {
			return nil, err
		}
		return store(ctx, to, q)
	case get, piece, packOf:
		from, err := thing[kind.Source](c.things, q.On)
		if err != nil {
			return nil, err
		}
		return fetch(ctx, from, q)
	case load, save:
		of, err := thing[tree.Index](c.things, q.On)
		if err != nil {
			return nil, err
		}
		if q.Method == save {
			return &answer{}, of.Save(q.Content)
		}
		return &answer{Content: of.Load()}, nil
	}
	return nil, fmt.Errorf("the host does not know %q", q.Method)
}

func fetch(ctx context.Context, from kind.Source, q *question) (*answer, error) {
	if q.Method == piece {
		stage, ok := from.(kind.Stage)
		if !ok {
			return &answer{Known: []bool{false}}, nil
		}
		content, found, err := stage.Piece(ctx, q.Piece, nil)
		return &answer{Known: []bool{found}, Content: content}, err
	}
	if len(q.IDs) != 1 {
		return nil, errors.New("the courier asks for no chunk")
	}
	if packs, ok := from.(kind.Packed); ok && q.Method == packOf {
		name, err := packs.PackOf(ctx, q.IDs[0])
		return &answer{Name: name}, err
	}
	content, err := from.Get(ctx, q.IDs[0], nil)
	return &answer{Content: content}, err
}

func store(ctx context.Context, to kind.Sink, q *question) (*answer, error) {
	if q.Method == known {
		known, err := to.Known(ctx, q.IDs)
		return &answer{Known: known}, err
	}
	if q.Method == adopt {
		adopter, ok := to.(kind.Adopter)
		if !ok {
			return nil, errors.New("the courier has written packs that nobody asked for")
		}
		return &answer{}, adopter.Adopt(ctx, q.Name)
	}
	if len(q.IDs) != 1 {
		return nil, errors.New("the courier puts no chunk")
	}
	id, err := to.Put(ctx, q.Content)
	if err == nil && id != q.IDs[0] {
		err = errors.New("a chunk arrived with another content than it was sent with")
	}
	return &answer{}, err
}

// options keeps what cannot be sent; the caller calls release when it is not
// needed any more.
func (c *Client) options(opts tree.Options) (o options, release func()) {
	o = options{Nested: opts.Nested, Skip: opts.Skip, First: opts.First, InPlace: opts.InPlace, Within: opts.Within, Only: opts.Only}
	if opts.Index == nil {
		return o, func() {}
	}
	o.Index = c.things.add(opts.Index)
	return o, func() { c.things.remove(o.Index) }
}

// remote is a tree that the courier sees.
type remote struct {
	client *Client
	root   string
}

var _ tree.Tree = (*remote)(nil)

// Entries implements tree.Tree.
func (r *remote) Entries(ctx context.Context, opts tree.Options) iter.Seq2[tree.Entry, error] {
	return func(yield func(tree.Entry, error) bool) {
		o, release := r.client.options(opts)
		defer release()
		r.client.entries(ctx, &question{Method: entries, Root: r.root, Options: o}, yield)
	}
}

// entries opens a cursor, yields what it has, and drops it.
func (c *Client) entries(ctx context.Context, q *question, yield func(tree.Entry, error) bool) {
	a, err := c.peer.ask(ctx, q)
	if err != nil {
		yield(tree.Entry{}, err)
		return
	}
	on := a.On
	defer func() {
		_, _ = c.peer.ask(context.WithoutCancel(ctx), &question{Method: drop, On: on}) // the courier may be gone, and all with it
	}()
	for {
		a, err := c.peer.ask(ctx, &question{Method: next, On: on})
		if err != nil {
			yield(tree.Entry{}, err)
			return
		}
		for _, e := range a.Entries {
			if !yield(e, nil) {
				return
			}
		}
		if a.Last {
			return
		}
	}
}

// Compare implements tree.Tree.
func (r *remote) Compare(ctx context.Context, opts tree.Options, manifest kind.Object, from kind.Source) (tree.Changes, error) {
	return r.change(ctx, compare, opts, manifest, from)
}

// Apply implements tree.Tree.
func (r *remote) Apply(ctx context.Context, opts tree.Options, manifest kind.Object, from kind.Source) (tree.Changes, error) {
	return r.change(ctx, apply, opts, manifest, from)
}

func (r *remote) change(ctx context.Context, m method, opts tree.Options, manifest kind.Object, from kind.Source) (tree.Changes, error) {
	o, release := r.client.options(opts)
	defer release()
	_, staged := from.(kind.Stage)
	packs := r.client.packsOf(from)
	if packs == "" {
		from = &countingSource{Source: from, traffic: opts.Traffic}
	}
	on := r.client.things.add(from)
	defer r.client.things.remove(on)
	a, err := r.client.peer.ask(ctx, &question{Method: m, Root: r.root, Options: o, Manifest: manifest, On: on, Staged: staged, Packs: packs})
	if err != nil {
		return tree.Changes{}, err
	}
	return a.Changes, nil
}

// Search implements tree.Tree.
func (r *remote) Search(ctx context.Context, s tree.Search) ([]tree.Sighting, error) {
	q := &question{Method: search, Root: r.root, Search: s}
	if s.Seen != nil {
		q.On = r.client.things.add(s.Seen)
		defer r.client.things.remove(q.On)
		q.Search.Seen = nil // stays here
	}
	a, err := r.client.peer.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	return a.Found, nil
}

// Capture implements tree.Tree.
func (r *remote) Capture(ctx context.Context, opts tree.Options, to kind.Sink) (tree.Capture, error) {
	o, release := r.client.options(opts)
	deposit := r.client.deposit.of(to)
	if deposit == "" {
		to = &countingSink{Sink: to, traffic: opts.Traffic}
	}
	sinkOn := r.client.things.add(to)
	a, err := r.client.peer.ask(ctx, &question{Method: capture, Root: r.root, Options: o, On: sinkOn, Deposit: deposit})
	c := &remoteCapture{client: r.client, sink: sinkOn, release: release}
	if err != nil {
		c.forget()
		return nil, err
	}
	c.on = a.On
	return c, nil
}

// remoteCapture is a capture that the courier makes.
type remoteCapture struct {
	client  *Client
	on      handle
	sink    handle
	release func()
	read    int64 // by Prepare, so far
}

func (c *remoteCapture) step(ctx context.Context, m method) (*answer, error) {
	return c.client.peer.ask(ctx, &question{Method: m, On: c.on})
}

// Prepare implements tree.Capture.
func (c *remoteCapture) Prepare(ctx context.Context) error {
	a, err := c.step(ctx, prepare)
	if err != nil {
		return err
	}
	c.read = a.Captured.BytesRead
	return nil
}

// Read implements tree.Capture.
func (c *remoteCapture) Read() int64 { return c.read }

// Take implements tree.Capture.
func (c *remoteCapture) Take(ctx context.Context) error {
	_, err := c.step(ctx, take)
	return err
}

// Finish implements tree.Capture. The entries are there until Close.
func (c *remoteCapture) Finish(ctx context.Context) (tree.Result, error) {
	a, err := c.step(ctx, finish)
	if err != nil {
		return tree.Result{}, err
	}
	return tree.Result{
		Manifest: a.Captured.Manifest, Held: a.Captured.Held, Gaps: a.Captured.Gaps, BytesRead: a.Captured.BytesRead, Delta: a.Captured.Delta,
		Entries: func(yield func(tree.Entry, error) bool) {
			// They are read after Finish, whose context may have ended.
			c.client.entries(context.WithoutCancel(ctx), &question{Method: entries, On: c.on}, yield)
		},
	}, nil
}

// Close implements tree.Capture.
func (c *remoteCapture) Close() error {
	defer c.forget()
	_, err := c.step(context.Background(), end)
	return err
}

func (c *remoteCapture) forget() {
	c.client.things.remove(c.sink)
	c.release()
}
