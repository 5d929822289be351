package chunk

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"dogear/kind"
)

// compressors is how many frames are compressed at once, and bounds the memory
// that is used.
const compressors = 3

// ErrClosed is returned for a Packer that was finished or aborted.
var ErrClosed = errors.New("the capture has ended")

// Packer writes chunks into new packs. It is safe for concurrent use. After an
// error nothing that it wrote may be relied on. Either Finish or Abort ends it.
//
// Whoever fills a frame compresses it, so that several who put keep several
// cores busy without handing content about. One frame at a time is left to a
// goroutine of the Packer's own, for who puts alone.
type Packer struct {
	out     *output
	working chan struct{} // holds something for each frame that is being compressed
	helping chan struct{} // holds something while that goroutine is at work
	buffers buffers

	mu        sync.Mutex    // guards all below, and the frames of spots
	rested    []*compressor // the one that was used last is the last: the processor's cache has it
	written   *sync.Cond    // told when a frame is written or has failed
	filling   *openFrame
	unwritten int // frames that are full and not dealt with
	spots     map[kind.ChunkID]spot
	closed    bool
	err       error // the first failure
}

// NewPacker returns a Packer that creates packs in dir, named by name, which
// must not give the same name twice.
func NewPacker(dir string, name func() string) *Packer {
	p := &Packer{
		out:     newOutput(dir, name),
		working: make(chan struct{}, compressors),
		helping: make(chan struct{}, 1),
		spots:   make(map[kind.ChunkID]spot),
	}
	p.written = sync.NewCond(&p.mu)
	return p
}

// Put adds a chunk, unless it was put before. content is not retained.
func (p *Packer) Put(id kind.ChunkID, content []byte) error {
	if len(content) > MaxSize {
		return fmt.Errorf("chunk of %d bytes: the limit is %d", len(content), MaxSize)
	}
	full, err := p.add(id, content)
	if err != nil || full == nil {
		return err
	}
	if full.plain != nil {
		content = full.plain
	}
	p.pack(full, content)
	return nil
}

// add returns the frame that the chunk has filled, if it has, for pack. A
// frame of the chunk's own has no content yet.
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
		f := &openFrame{}
		p.spots[id] = f.announce(id, len(content))
		p.unwritten++
		return f, nil
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
	p.unwritten++
	return f
}

// pack compresses and writes a frame that counts as unwritten.
func (p *Packer) pack(f *openFrame, plain []byte) {
	select {
	case p.helping <- struct{}{}:
		plain = p.keep(f, plain)
		go func() {
			p.write(f, plain)
			<-p.helping
		}()
	default:
		p.write(f, plain)
	}
}

// keep makes the content of a frame last longer than the call of Put.
func (p *Packer) keep(f *openFrame, content []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.plain == nil {
		f.plain = append(p.buffers.get(), content...)
	}
	return f.plain
}

func (p *Packer) write(f *openFrame, plain []byte) {
	name, frame, err := p.store(f, plain)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	p.buffers.put(f.plain)
	f.plain, f.chunks = nil, nil
	f.pack, f.frame = name, frame
	p.unwritten--
	p.written.Broadcast()
}

// store returns the pack that a frame was written to, and its place there.
func (p *Packer) store(f *openFrame, plain []byte) (string, Frame, error) {
	if err := p.Err(); err != nil {
		return "", Frame{}, err
	}
	p.working <- struct{}{}
	defer func() { <-p.working }()
	c := p.wake()
	defer p.rest(c)
	stored, codec, err := c.compress(plain)
	if err != nil {
		return "", Frame{}, err
	}
	return p.out.write(stored, codec, f.chunks)
}

// wake returns a compressor for one frame.
func (p *Packer) wake() *compressor {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.rested) - 1
	if last < 0 {
		return &compressor{}
	}
	c := p.rested[last]
	p.rested = p.rested[:last]
	return c
}

func (p *Packer) rest(c *compressor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rested = append(p.rested, c)
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
	for s.frame.plain == nil && s.frame.pack == "" && p.err == nil {
		p.written.Wait()
	}
	if plain := s.frame.plain; plain != nil {
		content := append(buf[:0], plain[s.at:s.at+s.length]...)
		p.mu.Unlock()
		return content, true, nil
	}
	pack, where, err := s.frame.pack, s.frame.frame.locate(s.at, s.length), p.err
	p.mu.Unlock()
	if pack == "" {
		return nil, true, err
	}
	path := Path(p.out.dir, pack)
	content, err := r.Chunk(ctx, path, id, where, buf)
	return content, true, err
}

// Adopt takes a finished pack in the Packer's directory for one of its own. That
// it is whole is for the caller to know.
func (p *Packer) Adopt(pack Pack) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	if p.closed {
		return ErrClosed
	}
	chunks := pack.Index.Chunks
	for _, f := range pack.Index.Frames {
		written := &openFrame{pack: pack.Name, frame: f}
		for _, c := range chunks[:f.Chunks] {
			if _, ok := p.spots[c.ID]; !ok {
				p.spots[c.ID] = spot{frame: written, at: c.At, length: c.Length}
			}
		}
		chunks = chunks[f.Chunks:]
	}
	p.out.adopt(pack)
	return nil
}

// Added returns the size of the packs that Finish would return now. It writes
// what is waiting for a frame to be full, so it is not for asking often.
func (p *Packer) Added() int64 {
	p.flush(false)
	return p.out.added()
}

// flush writes all that was put so far, and closes the Packer if asked to. It
// reports whether the Packer was open.
func (p *Packer) flush(closing bool) bool {
	p.mu.Lock()
	open := !p.closed
	p.closed = p.closed || closing
	last := p.filling
	if open && last != nil {
		p.filling = nil
		p.unwritten++
		p.mu.Unlock()
		p.write(last, last.plain)
		p.mu.Lock()
	}
	for p.unwritten > 0 {
		p.written.Wait()
	}
	p.mu.Unlock()
	return open
}

// Finish writes what is left, and returns the packs, durable and read back, in
// the order in which they were begun.
func (p *Packer) Finish() ([]Pack, error) {
	if !p.flush(true) {
		return nil, ErrClosed
	}
	p.release()
	packs, err := p.out.finish()
	return packs, errors.Join(p.Err(), err)
}

// Abort removes what was written; after Finish too.
func (p *Packer) Abort() error {
	p.mu.Lock()
	if p.err == nil {
		p.err = ErrClosed
	}
	p.mu.Unlock()
	if p.flush(true) {
		p.release()
	}
	return p.out.remove()
}

// release closes the compressors. Nobody writes any more.
func (p *Packer) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.rested {
		c.close()
	}
	p.rested = nil
}
