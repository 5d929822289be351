package courier

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"sync"
)

// peer is one end of the two. It is safe for concurrent use.
type peer struct {
	work func(ctx context.Context, q *question) (*answer, error)

	writing sync.Mutex
	buffer  *bufio.Writer // guarded by writing
	encoder *gob.Encoder  // guarded by writing

	mu      sync.Mutex
	last    uint64                        // guarded by mu
	asked   map[uint64]chan<- *message    // guarded by mu: our open questions
	working map[uint64]context.CancelFunc // guarded by mu: their open questions
	ended   error                         // guarded by mu: why there will be no more answers
}

func newPeer(out io.Writer, work func(ctx context.Context, q *question) (*answer, error)) *peer {
	buffer := bufio.NewWriterSize(out, 64<<10)
	return &peer{
		work: work, buffer: buffer, encoder: gob.NewEncoder(buffer),
		asked: make(map[uint64]chan<- *message), working: make(map[uint64]context.CancelFunc),
	}
}

// run reads messages until the other end closes its stream, and returns when
// all work is over.
func (p *peer) run(ctx context.Context, in io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	decoder := gob.NewDecoder(bufio.NewReaderSize(in, 64<<10))
	for {
		m := new(message)
		if err := decoder.Decode(m); err != nil {
			p.end(err)
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read what the other end says: %w", err)
		}
		switch {
		case m.Ask != nil:
			p.accept(ctx, &workers, m)
		case m.Cancel:
			p.giveUp(m.ID)
		default:
			p.deliver(m)
		}
	}
}

// end fails all open questions.
func (p *peer) end(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = fmt.Errorf("the other end is gone: %w", why)
	for id, answers := range p.asked {
		close(answers)
		delete(p.asked, id)
	}
}

func (p *peer) accept(ctx context.Context, workers *sync.WaitGroup, m *message) {
	ctx, cancel := context.WithCancel(ctx)
	p.mu.Lock()
	p.working[m.ID] = cancel
	p.mu.Unlock()
	workers.Go(func() {
		defer p.giveUp(m.ID)
		reply := &message{ID: m.ID}
		result, err := p.work(ctx, m.Ask)
		if err != nil {
			reply.Failure = fail(err)
		} else {
			reply.Answer = result
		}
		_ = p.write(reply) // who asked is gone if this fails, as run will notice
	})
}

// giveUp ends the context of a question.
func (p *peer) giveUp(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cancel := p.working[id]; cancel != nil {
		cancel()
		delete(p.working, id)
	}
}

func (p *peer) deliver(m *message) {
	p.mu.Lock()
	answers := p.asked[m.ID]
	delete(p.asked, m.ID)
	p.mu.Unlock()
	if answers != nil {
		answers <- m // has room for the one answer
	}
}

func (p *peer) write(m *message) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	if err := p.encoder.Encode(m); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return p.buffer.Flush()
}

// pending is a question that has been sent.
type pending struct {
	id      uint64
	answers <-chan *message
}

// send sends a question. Its content may be reused when send returns.
func (p *peer) send(q *question) (pending, error) {
	answers := make(chan *message, 1)
	p.mu.Lock()
	if p.ended != nil {
		defer p.mu.Unlock()
		return pending{}, p.ended
	}
	p.last++
	id := p.last
	p.asked[id] = answers
	p.mu.Unlock()
	return pending{id, answers}, p.write(&message{ID: id, Ask: q})
}

// wait waits for the answer. When the context ends the other end is told, and
// its answer awaited all the same: nothing may go on behind the caller's back.
func (p *peer) wait(ctx context.Context, asked pending) (*answer, error) {
	select {
	case m := <-asked.answers:
		return p.result(m)
	case <-ctx.Done():
	}
	if err := p.write(&message{ID: asked.id, Cancel: true}); err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	return p.result(<-asked.answers)
}

func (p *peer) result(m *message) (*answer, error) {
	switch {
	case m == nil:
		p.mu.Lock()
		defer p.mu.Unlock()
		return nil, p.ended
	case m.Failure != nil:
		return nil, m.Failure.err()
	case m.Answer == nil:
		return nil, errors.New("the other end answered nothing")
	}
	return m.Answer, nil
}

// ask sends a question and waits for the answer.
func (p *peer) ask(ctx context.Context, q *question) (*answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	asked, err := p.send(q)
	if err != nil {
		return nil, err
	}
	return p.wait(ctx, asked)
}

// things keeps what the other end knows by handle. It is safe for concurrent
// use.
type things struct {
	mu   sync.Mutex
	last handle
	all  map[handle]any
}

func newThings() *things { return &things{all: make(map[handle]any)} }

func (t *things) add(thing any) handle {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.all[t.last] = thing
	return t.last
}

func (t *things) remove(h handle) any {
	t.mu.Lock()
	defer t.mu.Unlock()
	thing := t.all[h]
	delete(t.all, h)
	return thing
}

// thing returns what a handle names.
func thing[T any](t *things, h handle) (T, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found, ok := t.all[h].(T)
	if !ok {
		return found, fmt.Errorf("there is no %T with handle %d", found, h)
	}
	return found, nil
}
