package chunk

import (
	"errors"
	"io/fs"
	"os"
	"sync"
)

// packTarget is the size at which a pack is closed and the next one begun.
const packTarget = 64 << 20

// output is the series of packs that one Packer writes.
type output struct {
	dir  string
	name func() string

	mu      sync.Mutex // guards the fields below
	closed  int64      // sizes of packs that are closed or being closed
	current *packFile
	names   []string // of all packs, in the order of their beginning
	sealed  map[string]Pack
	err     error          // of a seal
	sealing sync.WaitGroup // syncing must not hold up the next pack
}

// write appends a frame to the current pack, and returns that pack's name and
// where the frame is in it.
func (o *output) write(stored []byte, codec Codec, chunks []frameChunk) (string, Frame, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return "", Frame{}, o.err
	}
	if o.current == nil {
		if err := o.begin(); err != nil {
			return "", Frame{}, err
		}
	}
	pack := o.current
	frame, err := pack.append(stored, codec, chunks)
	if err != nil {
		return "", Frame{}, err
	}
	if pack.size >= packTarget {
		o.seal()
	}
	return pack.name, frame, nil
}

func (o *output) begin() error {
	name := o.name()
	pack, err := createPack(o.dir, name)
	if err != nil {
		return err
	}
	o.names = append(o.names, name)
	o.current = pack
	return nil
}

// seal closes the current pack in the background. The caller holds o.mu.
func (o *output) seal() {
	pack := o.current
	o.current = nil
	o.closed += pack.finalSize()
	o.sealing.Go(func() {
		done, err := pack.seal()
		o.mu.Lock()
		defer o.mu.Unlock()
		o.err = errors.Join(o.err, err)
		if o.sealed == nil {
			o.sealed = make(map[string]Pack)
		}
		o.sealed[pack.name] = done
	})
}

// added returns how large all packs are, with what is written so far.
func (o *output) added() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.current == nil {
		return o.closed
	}
	return o.closed + o.current.finalSize()
}

// finish closes the last pack and returns all of them. Nobody writes any more.
func (o *output) finish() ([]Pack, error) {
	o.mu.Lock()
	if o.current != nil {
		o.seal()
	}
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
	if o.current != nil {
		errs = append(errs, o.current.file.Close())
		o.current = nil
	}
	for _, name := range o.names {
		if err := os.Remove(Path(o.dir, name)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	o.names = nil
	return errors.Join(errs...)
}
