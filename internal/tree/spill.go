package tree

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// spill keeps raw content from Take to Finish, in files without a name:
// whatever happens to the process, they are gone with it.
type spill struct {
	file   *os.File // what was copied
	clones *clones
	pins   pins

	mu   sync.Mutex // guards size
	size int64
}

// spilled is a piece of a spill file: a file with its holes, or of a paged
// file the pages that differ from its base.
type spilled struct {
	in     *os.File
	offset int64
	pinned bool    // in is the file itself
	base   *record // what was stored of a paged file; nil if nothing was
	pages  *pages  // nil: the whole file is there
	spans  []span
}

// newSpill returns a spill for the tree with the given root.
func newSpill(root int) (*spill, error) {
	f, err := openSpill()
	if err != nil {
		return nil, err
	}
	return &spill{file: f, clones: &clones{root: root}}, nil
}

func openSpill() (*os.File, error) {
	fd, err := unix.Open(os.TempDir(), unix.O_TMPFILE|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return openNamedSpill()
	}
	if err != nil {
		return nil, fmt.Errorf("make spill file in %s: %w", os.TempDir(), err)
	}
	return os.NewFile(uintptr(fd), "spill"), nil
}

// openNamedSpill is for file systems that cannot make a file without a name:
// it takes the name away at once.
func openNamedSpill() (_ *os.File, err error) {
	dir, err := os.MkdirTemp("", "dogear-spill-")
	if err != nil {
		return nil, fmt.Errorf("make spill directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f, err := os.OpenFile(dir+"/spill", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make spill file: %w", err)
	}
	return f, nil
}

// add keeps a file: one that lasts by holding it, others as a clone if they
// are large and that is possible, or as a copy.
func (s *spill) add(fd int, size int64, holes []Extent, lasts bool) (*spilled, error) {
	if lasts {
		if piece, err := s.pins.add(fd); piece != nil || err != nil {
			return piece, err
		}
	}
	if piece := s.clones.add(fd, size); piece != nil {
		return piece, nil
	}
	return s.copy(fd, size, holes)
}

// copy copies the data of an open file, with room for its holes. The kernel
// does the copying where it can.
func (s *spill) copy(fd int, size int64, holes []Extent) (_ *spilled, err error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor: %w", err)
	}
	f := os.NewFile(uintptr(own), "source")
	defer func() { err = errors.Join(err, f.Close()) }()
	piece := &spilled{in: s.file, offset: s.reserve(size)}
	for _, x := range dataExtents(size, holes) {
		if err := copyRange(s.file, piece.offset+x.Offset, f, x); err != nil {
			return nil, spillError(err)
		}
	}
	return piece, nil
}

// spillError ends the capture if there is no room: that is no fault of the
// file, which would be left out.
func spillError(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return sinkError{fmt.Errorf("no space left in %s for what changed during the capture; TMPDIR can name another place: %w",
			os.TempDir(), err)}
	}
	return fmt.Errorf("copy to spill file: %w", err)
}

func copyRange(to *os.File, at int64, from *os.File, x Extent) error {
	if _, err := from.Seek(x.Offset, io.SeekStart); err != nil {
		return err
	}
	if _, err := to.Seek(at, io.SeekStart); err != nil {
		return err
	}
	_, err := to.ReadFrom(io.LimitReader(from, x.Length))
	return err
}

// reserve returns the offset of a free range of the spill file.
func (s *spill) reserve(length int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.size
	s.size += length
	return at
}

// whole returns a piece that is a whole file of the given size. What the file
// lacked when it was copied is zeros.
func (p *spilled) whole(size int64) io.ReaderAt {
	return io.NewSectionReader(p.in, p.offset, size)
}

func (s *spill) close() error {
	return errors.Join(s.file.Close(), s.clones.close(), s.pins.close())
}
