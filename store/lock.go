package store

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// ErrLocked is what a LockedError is, for errors.Is.
var ErrLocked = errors.New("the store is in use")

// LockedError is returned by Open if another process has the store open.
type LockedError struct {
	PID int // of that process; 0 if it could not be found out
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return "the store is in use by another process"
	}
	return fmt.Sprintf("the store is in use by process %d", e.PID)
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// lock is the lock on a store. The kernel frees it when the process ends,
// however it ends.
type lock struct{ file *flock.Flock }

func takeLock(path string) (*lock, error) {
	f := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	taken, err := f.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if !taken {
		return nil, &LockedError{PID: holder(path)}
	}
	l := &lock{file: f}
	if err := os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("lock: %w", err), l.release())
	}
	return l, nil
}

// holder returns the process that says it holds the lock.
func holder(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}

// release empties the file first, so that it never names a process that has
// let go.
func (l *lock) release() error {
	return errors.Join(os.Truncate(l.file.Path(), 0), l.file.Close())
}
