package tree

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// spill is a file that keeps raw content from Take to Finish. It has no name:
// whatever happens to the process, it is gone with it.
type spill struct {
	file *os.File
	size int64
}

// spilled is a piece of the spill file: the data of a file without its holes.
type spilled struct{ offset, length int64 }

func newSpill() (*spill, error) {
	fd, err := unix.Open(os.TempDir(), unix.O_TMPFILE|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return newNamedSpill()
	}
	if err != nil {
		return nil, fmt.Errorf("make spill file in %s: %w", os.TempDir(), err)
	}
	return &spill{file: os.NewFile(uintptr(fd), "spill")}, nil
}

// newNamedSpill is for file systems that cannot make a file without a name:
// it takes the name away at once.
func newNamedSpill() (_ *spill, err error) {
	dir, err := os.MkdirTemp("", "dogear-spill-")
	if err != nil {
		return nil, fmt.Errorf("make spill directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f, err := os.OpenFile(dir+"/spill", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make spill file: %w", err)
	}
	return &spill{file: f}, nil
}

// add copies the data of an open file. The kernel does the copying where it
// can.
func (s *spill) add(fd int, size int64, holes []Extent) (_ *spilled, err error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor: %w", err)
	}
	f := os.NewFile(uintptr(own), "source")
	defer func() { err = errors.Join(err, f.Close()) }()
	piece := &spilled{offset: s.size}
	for _, x := range dataExtents(size, holes) {
		if _, err := f.Seek(x.Offset, io.SeekStart); err != nil {
			return nil, fmt.Errorf("seek: %w", err)
		}
		n, err := s.file.ReadFrom(io.LimitReader(f, x.Length))
		s.size += n
		piece.length += n
		if err != nil {
			return nil, fmt.Errorf("copy to spill file: %w", err)
		}
	}
	return piece, nil
}

func (s *spill) open(piece *spilled) io.Reader {
	return io.NewSectionReader(s.file, piece.offset, piece.length)
}

func (s *spill) close() error { return s.file.Close() }
