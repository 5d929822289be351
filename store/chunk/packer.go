package chunk

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"dogear/kind"
)

// workers is how many frames are compressed at once, and bounds the memory
// that is used.
const workers = 2

// ErrClosed is returned for a Packer that was finished or aborted.
var ErrClosed = errors.New("the capture has ended")

// Packer writes chunks into new packs. It is safe for concurrent use. After an
// error nothing that it wrote may be relied on. Either Finish or Abort ends it.
type Packer struct {
	out     *output
	queue   chan *openFrame
	running sync.WaitGroup // the workers
	sending sync.WaitGroup // frames on their way into the queue
	buffers buffers

	mu        sync.Mutex // guards all below, and the frames of spots
	filling   *openFrame
	unwritten int        // frames that are full and not dealt with
	idle      *sync.Cond // told when unwritten is 0
	spots     map[kind.ChunkID]spot
	closed    bool
	err       error // the first failure
}

// NewPacker returns a Packer that creates packs in dir, named by name, which
// must not give the same name twice.
func NewPacker(dir string, name func() string) *Packer {
	p := &Packer{
		out:   &output{dir: dir, name: name},
		queue: make(chan *openFrame, workers),
		spots: make(map[kind.ChunkID]spot),
	}
	p.idle = sync.NewCond(&p.mu)
	for range workers {
		p.running.Go(p.work)
	}
	return p
}

// Put adds a chunk, unless it was put before. content is copied.
func (p *Packer) Put(id kind.ChunkID, content []byte) error {
	if len(content) > MaxSize {
		return fmt.Errorf("chunk of %d bytes: the limit is %d", len(content), MaxSize)
	}
	full, err := p.add(id, content)
	if err != nil || full == nil {
		return err
	}
	p.send(full)
	return nil
}

// counted counts a frame as on its way to a worker. The caller holds p.mu, and
// calls send when it does not.
func (p *Packer) counted(f *openFrame) *openFrame {
	p.sending.Add(1)
	p.unwritten++
	return f
}

func (p *Packer) send(f *openFrame) {
	defer p.sending.Done()
	p.queue <- f
}

// add returns the frame that the chunk has filled, if it has, for send.
func (p *Packer) add(id kind.ChunkID, content []byte) (*openFrame, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return nil, p.err
	}
	if p.closed {
		return nil, ErrClosed
	}
	if _, ok := p.spots[id]; ok {
		return nil, nil
	}
	if len(content) >= ownFrame {
		f := &openFrame{plain: make([]byte, 0, len(content))}
		p.spots[id] = f.add(id, content)
		return p.counted(f), nil
	}
	return p.share(id, content), nil
}

// share adds a small chunk to the frame that is being filled.
func (p *Packer) share(id kind.ChunkID, content []byte) *openFrame {
	if p.filling == nil {
		p.filling = &openFrame{plain: p.buffers.get()}
	}
	f := p.filling
	p.spots[id] = f.add(id, content)
	if !f.full() {
		return nil
	}
	p.filling = nil
	return p.counted(f)
}

// work compresses and writes frames. After a failure it only drains the
// queue, so that nobody waits for ever.
func (p *Packer) work() {
	c := newCompressor()
	defer c.close()
	for f := range p.queue {
		if p.Err() == nil {
			p.write(c, f)
		}
		p.dealtWith()
	}
}

func (p *Packer) write(c *compressor, f *openFrame) {
	stored, codec, err := c.compress(f.plain)
	if err != nil {
		p.fail(err)
		return
	}
	name, frame, err := p.out.write(stored, codec, f.chunks)
	if err != nil {
		p.fail(err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buffers.put(f.plain)
	f.plain, f.chunks = nil, nil
	f.pack, f.frame = name, frame
}

func (p *Packer) dealtWith() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unwritten--; p.unwritten == 0 {
		p.idle.Broadcast()
	}
}

func (p *Packer) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

// Err returns the first failure.
func (p *Packer) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Has reports for each chunk whether it was put.
func (p *Packer) Has(ids []kind.ChunkID) []bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	has := make([]bool, len(ids))
	for i, id := range ids {
		_, has[i] = p.spots[id]
	}
	return has
}

// Get returns a chunk that was put, in buf if it is large enough, and reports
// whether it was.
func (p *Packer) Get(ctx context.Context, r *Reader, id kind.ChunkID, buf []byte) ([]byte, bool, error) {
	p.mu.Lock()
	s, ok := p.spots[id]
	if !ok {
		p.mu.Unlock()
		return nil, false, nil
	}
	if plain := s.frame.plain; plain != nil {
		content := append(buf[:0], plain[s.at:s.at+s.length]...)
		p.mu.Unlock()
		return content, true, nil
	}
	path, where := Path(p.out.dir, s.frame.pack), s.frame.frame.locate(s.at, s.length)
	p.mu.Unlock()
	content, err := r.Chunk(ctx, path, id, where, buf)
	return content, true, err
}

// Added returns the size of the packs that Finish would return now. It writes
// what is waiting for a frame to be full, so it is not for asking often.
func (p *Packer) Added() int64 {
	p.flush()
	return p.out.added()
}

// flush writes all that was put so far.
func (p *Packer) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := p.filling; last != nil && !p.closed {
		p.filling = nil
		p.counted(last)
		p.mu.Unlock()
		p.send(last)
		p.mu.Lock()
	}
	for p.unwritten > 0 {
		p.idle.Wait()
	}
}

// Finish writes what is left, and returns the packs, durable and read back, in
// the order in which they were begun.
func (p *Packer) Finish() ([]Pack, error) {
	if !p.close() {
		return nil, ErrClosed
	}
	packs, err := p.out.finish()
	return packs, errors.Join(p.Err(), err)
}

// Abort removes what was written; after Finish too.
func (p *Packer) Abort() error {
	p.fail(ErrClosed)
	p.close()
	return p.out.remove()
}

// close ends the workers once the queue is empty. It reports whether they
// were running.
func (p *Packer) close() bool {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return false
	}
	p.closed = true
	last := p.filling
	p.filling = nil
	if last != nil {
		p.counted(last)
	}
	p.mu.Unlock()

	if last != nil {
		p.send(last)
	}
	p.sending.Wait()
	close(p.queue)
	p.running.Wait()
	return true
}
