package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const scratchPrefix = "dogear-sqlite-"

// scratch is a directory for a private copy. It is locked while it is in use:
// one that is not was left by a process that was killed, and holds what may be
// secret.
type scratch struct {
	path string
	lock *os.File // the directory itself
}

// newScratch makes a directory in dir, and first removes those that killed
// processes of this user have left there.
func newScratch(dir string) (*scratch, error) {
	_ = sweep(dir) // what cannot be removed now, the next one tries again
	for {
		path, err := os.MkdirTemp(dir, scratchPrefix)
		if err != nil {
			return nil, err
		}
		lock, err := lockDir(path, unix.LOCK_EX)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process swept it away before it was locked
		}
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(path))
		}
		return &scratch{path: path, lock: lock}, nil
	}
}

// remove removes the directory while it is still locked.
func (s *scratch) remove() error { return errors.Join(os.RemoveAll(s.path), s.lock.Close()) }

// sweep removes the directories of this user that nobody has locked.
func sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), scratchPrefix) {
			errs = append(errs, removeUnlocked(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

func removeUnlocked(path string) error {
	lock, err := lockDir(path, unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, fs.ErrNotExist), errors.Is(err, errNotOurs):
		return nil
	case err != nil:
		return err
	}
	return errors.Join(os.RemoveAll(path), lock.Close())
}

var errNotOurs = errors.New("it is no directory of this user")

// lockDir locks a directory of this user. It returns fs.ErrNotExist also if
// the directory is gone by the time that it is locked.
func lockDir(path string, how int) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP), errors.Is(err, unix.EACCES):
		return nil, errNotOurs
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	if err := lockOpen(fd, how); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

func lockOpen(fd, how int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if int(st.Uid) != os.Geteuid() {
		return errNotOurs
	}
	if err := unix.Flock(fd, how); err != nil {
		return err
	}
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Nlink == 0 {
		return fs.ErrNotExist
	}
	return nil
}
