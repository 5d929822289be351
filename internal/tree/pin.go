package tree

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// pins are lasting files that are held open until they are stored. Their
// content never changes, so nothing has to be copied while everybody waits, and
// what is open keeps its blocks, whoever removes its name meanwhile.
type pins struct {
	mu    sync.Mutex // guards files
	files []*os.File
}

// maxPins bounds the descriptors. Further files are copied.
const maxPins = 256

// add holds an open file, or returns nil if that would be one too many.
func (p *pins) add(fd int) (*spilled, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.files) == maxPins {
		return nil, nil
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor: %w", err)
	}
	f := os.NewFile(uintptr(own), "pinned")
	p.files = append(p.files, f)
	return &spilled{in: f, pinned: true}, nil
}

func (p *pins) close() error {
	var errs []error
	for _, f := range p.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
