package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// ErrLocked is what a LockedError is, for errors.Is.
var ErrLocked = errors.New("the store is in use")

// Holder is the process that has a store open, as it says itself.
type Holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"` // without its arguments: these may hold secrets
	Since   time.Time `json:"since"`
}

// String names the process and what it is.
func (h Holder) String() string {
	if h.PID == 0 {
		return "another process"
	}
	text := "process " + strconv.Itoa(h.PID)
	if h.Command != "" {
		text += " (" + h.Command + ")"
	}
	if !h.Since.IsZero() {
		text += " since " + h.Since.Local().Format(time.DateTime)
	}
	return text
}

// LockedError is returned if another process has the store open.
type LockedError struct {
	Holder // zero if it could not be found out
}

func (e *LockedError) Error() string { return "the store is in use by " + e.String() }

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// lock is the lock on a store. The kernel frees it when the process ends,
// however it ends.
type lock struct{ file *flock.Flock }

func takeLock(path string, me Holder) (*lock, error) {
	f := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	taken, err := f.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if !taken {
		return nil, &LockedError{Holder: holder(path)}
	}
	l := &lock{file: f}
	content, err := marshal(me)
	if err == nil {
		err = os.WriteFile(path, append(content, '\n'), 0o600)
	}
	if err != nil && !isFull(err) { // whoever makes room has to get in
		return nil, errors.Join(fmt.Errorf("lock: %w", err), l.release())
	}
	return l, nil
}

// holder returns who says that it holds the lock, unless that is a process
// that was killed: the one after it has not written its name yet.
func holder(path string) Holder {
	content, err := os.ReadFile(path)
	if err != nil {
		return Holder{}
	}
	var h Holder
	if json.Unmarshal(content, &h) != nil || h.PID <= 0 || errors.Is(syscall.Kill(h.PID, 0), syscall.ESRCH) {
		return Holder{}
	}
	return h
}

// release empties the file first, so that it never names a process that has
// let go.
func (l *lock) release() error {
	return errors.Join(os.Truncate(l.file.Path(), 0), l.file.Close())
}
