package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// reserveSize is the space that is kept for making room. A deletion takes two
// records, one of an event and a few pages of the catalog, a collection the
// pages of condemnAtOnce entries, twice.
const (
	reserveSize = 4 << 20
	reserveStep = 512 << 10 // what is given up at a time
)

// makeReserve makes sure that there is something to give up when the disk is
// full. Without it, or with less, only that is not possible: a disk that is
// full already, or that cannot promise space, is no error.
func (s *Store) makeReserve() error { return s.growReserve(os.O_CREATE) }

// RegainReserve takes back what was given up, as far as there is space.
func (s *Store) RegainReserve() error {
	err := s.growReserve(0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Store) growReserve(flag int) error {
	s.reserving.Lock()
	defer s.reserving.Unlock()
	f, size, err := s.openReserve(flag)
	if err != nil {
		return err
	}
	for ; err == nil && size < reserveSize; size += reserveStep {
		err = syscall.Fallocate(int(f.Fd()), 0, size, min(reserveStep, reserveSize-size))
	}
	if isFull(err) || errors.Is(err, syscall.EOPNOTSUPP) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

func (s *Store) openReserve(flag int) (*os.File, int64, error) {
	f, err := os.OpenFile(s.path(reserveFile), os.O_WRONLY|flag, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("reserve space: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("reserve space: %w", err), f.Close())
	}
	return f, info.Size(), nil
}

// shrinkReserve gives a part of the reserve up, and reports whether there was
// any.
func (s *Store) shrinkReserve() (gave bool, err error) {
	s.reserving.Lock()
	defer s.reserving.Unlock()
	f, size, err := s.openReserve(0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	gave = size > 0
	if gave {
		// A file system may free the space only with the sync.
		err = errors.Join(f.Truncate(max(0, size-reserveStep)), f.Sync())
	}
	return gave, errors.Join(err, f.Close())
}

// MakingRoom runs what leads to more room. As long as it finds the disk full
// it is run again, each time with a part of the reserve given up. It has to
// leave nothing behind when it fails.
func (s *Store) MakingRoom(f func() error) error {
	for {
		err := f()
		if !isFull(err) {
			return err
		}
		if gave, shrinkErr := s.shrinkReserve(); shrinkErr != nil || !gave {
			return errors.Join(err, shrinkErr)
		}
	}
}
