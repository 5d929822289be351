package tree

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// held is a file that was patched, under a lease that nobody else has it open,
// taken when it still was as it had been read. While the lease lasts nobody but
// us writes to it, so what was not written need not be read again to know what
// is in it. Who wants to open it waits until it is let go.
type held struct {
	fd    int
	entry *Entry
	pages *pages // of what is in it now, as far as it was written by reading it back
}

// maxHeld bounds how many files are kept open.
const maxHeld = 256

// holding are the files that a plan has patched.
type holding struct {
	mu    sync.Mutex // guards files
	files map[string]*held
}

// lease takes the lease on a file that is open for writing, and reports whether
// that was possible: not for a file that somebody has open or mapped, nor for
// one of others who did not give us the right to it.
func (h *holding) lease(fd int) bool {
	if h == nil {
		return false
	}
	h.mu.Lock()
	full := len(h.files) >= maxHeld
	h.mu.Unlock()
	if full {
		return false
	}
	// Whoever opens the file would otherwise send a signal that ends processes.
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETSIG, int(unix.SIGURG)); err != nil {
		return false
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK)
	return err == nil
}

// keep keeps a file open, and with it the lease.
func (h *holding) keep(fd int, e *Entry, pages *pages) error {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.files == nil {
		h.files = make(map[string]*held)
	}
	h.files[e.Path] = &held{fd: own, entry: e, pages: pages}
	return nil
}

// records takes those nodes out of a walk of which it is known what is in them,
// and returns their records. The files are let go.
func (h *holding) records(nodes []node, now func() time.Time) (rest []node, known []record, err error) {
	rest = make([]node, 0, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		rec, ok := h.files[n.path].record(n, now())
		if ok {
			known = append(known, rec)
		} else {
			rest = append(rest, *n)
		}
	}
	return rest, known, h.release()
}

// release lets all files go.
func (h *holding) release() error {
	var errs []error
	for path, f := range h.files {
		errs = append(errs, unix.Close(f.fd))
		delete(h.files, path)
	}
	return errors.Join(errs...)
}

// record returns what is in the file at a moment, if the node is of it and its
// lease has lasted until after that.
func (f *held) record(n *node, at time.Time) (record, bool) {
	if f == nil {
		return record{}, false
	}
	var st unix.Statx_t
	if err := statx(f.fd, "", &st); err != nil || stampOf(&st) != n.stamp || !n.stamp.settles().Before(at) {
		return record{}, false
	}
	rec := record{Entry: n.stamp.entry(n.path), stamp: n.stamp, readAt: at, pages: f.pages}
	rec.Digest, rec.Chunks, rec.Recipe = f.entry.Digest, f.entry.Chunks, f.entry.Recipe
	var err error
	if rec.Xattrs, err = xattrsOfFile(f.fd); err != nil {
		return record{}, false
	}
	if n.sparse {
		if rec.Holes, err = holesOf(f.fd, rec.Size); err != nil {
			return record{}, false
		}
	}
	lease, err := unix.FcntlInt(uintptr(f.fd), unix.F_GETLEASE, 0)
	return rec, err == nil && lease == unix.F_WRLCK
}
