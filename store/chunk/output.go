package chunk

import (
	"errors"
	"io/fs"
	"os"
	"sync"
)

const (
	// packTarget is the size at which a pack is closed and the next one begun.
	packTarget = 64 << 20
	// packBeside is how large packs have to be on average for another one to be
	// begun while all are being written to: the kernel lets only one at a time
	// write to a file, and who waits for it does not compress. A small capture is
	// not worth a second pack.
	packBeside = 16 << 20
)

// output is the series of packs that one Packer writes.
type output struct {
	dir  string
	name func() string

	mu      sync.Mutex // guards the fields below
	given   *sync.Cond // told when a pack is idle, or when there may be another one
	idle    []*packFile
	open    int      // packs that are idle or written to
	growing int64    // size of these, with those that are written to as they were before
	closed  int64    // sizes of packs that are closed or being closed
	names   []string // of all packs, in the order of their beginning
	sealed  map[string]Pack
	err     error          // of a seal
	sealing sync.WaitGroup // syncing must not hold up the next pack
}

func newOutput(dir string, name func() string) *output {
	o := &output{dir: dir, name: name, sealed: make(map[string]Pack)}
	o.given = sync.NewCond(&o.mu)
	return o
}

// write appends a frame to a pack, and returns that pack's name and where the
// frame is in it.
func (o *output) write(stored []byte, codec Codec, chunks []frameChunk) (string, Frame, error) {
	pack, err := o.take()
	if err != nil {
		return "", Frame{}, err
	}
	before := pack.finalSize()
	frame, err := pack.append(stored, codec, chunks)
	o.give(pack, before)
	return pack.name, frame, err
}

// take returns a pack that nobody else writes to until it is given back.
func (o *output) take() (*packFile, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.err == nil && len(o.idle) == 0 && !o.mayBegin() {
		o.given.Wait()
	}
	if o.err != nil {
		return nil, o.err
	}
	if last := len(o.idle) - 1; last >= 0 {
		pack := o.idle[last]
		o.idle = o.idle[:last]
		return pack, nil
	}
	return o.begin()
}

// mayBegin reports whether there may be another pack beside those that are
// being written to.
func (o *output) mayBegin() bool { return o.growing >= int64(o.open)*packBeside }

func (o *output) begin() (*packFile, error) {
	name := o.name()
	pack, err := createPack(o.dir, name)
	if err != nil {
		return nil, err
	}
	o.names = append(o.names, name)
	o.open++
	o.growing += pack.finalSize()
	return pack, nil
}

// give gives back a pack that had another size before.
func (o *output) give(pack *packFile, before int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.given.Broadcast()
	o.growing += pack.finalSize() - before
	if pack.size >= packTarget {
		o.seal(pack)
	} else {
		o.idle = append(o.idle, pack)
	}
}

// seal closes an open pack in the background. The caller holds o.mu.
func (o *output) seal(pack *packFile) {
	size := pack.finalSize()
	o.open--
	o.growing -= size
	o.closed += size
	o.sealing.Go(func() {
		done, err := pack.seal()
		o.mu.Lock()
		defer o.mu.Unlock()
		defer o.given.Broadcast()
		o.err = errors.Join(o.err, err)
		o.sealed[pack.name] = done
	})
}

// adopt counts a finished pack that somebody else has written.
func (o *output) adopt(pack Pack) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.names = append(o.names, pack.Name)
	o.closed += pack.Size
	o.sealed[pack.Name] = pack
}

// added returns how large all packs are, with what is written so far.
func (o *output) added() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed + o.growing
}

// finish closes the last packs and returns all of them. Nobody writes any more.
func (o *output) finish() ([]Pack, error) {
	o.mu.Lock()
	for _, pack := range o.idle {
		o.seal(pack)
	}
	o.idle = nil
	o.mu.Unlock()
	o.sealing.Wait()
	packs := make([]Pack, 0, len(o.names))
	for _, name := range o.names {
		packs = append(packs, o.sealed[name])
	}
	return packs, o.err
}

// remove removes all packs that are still there. Nobody writes any more.
func (o *output) remove() error {
	o.sealing.Wait()
	var errs []error
	for _, pack := range o.idle {
		errs = append(errs, pack.file.Close())
	}
	o.idle = nil
	for _, name := range o.names {
		if err := os.Remove(Path(o.dir, name)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	o.names = nil
	return errors.Join(errs...)
}
