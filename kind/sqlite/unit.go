package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// content are the suffixes of the files that hold a database's content. The
// shared memory ("-shm") is an index of the log, which SQLite rebuilds.
var content = []string{"", "-wal", "-journal"}

// unit is a database on disk: its file and what lies beside it.
type unit struct{ path string }

func unitAt(path string) unit { return unit{path: path} }

// stamp tells one state of a unit's files from the next.
type stamp struct {
	files   string
	changed time.Time // the latest change
	size    int64     // of all files
}

// settled reports whether any change made from now on will show in a stamp,
// if the clock that stamps files ticks at least that often.
func (s stamp) settled(now time.Time, tick time.Duration) bool { return now.Sub(s.changed) > tick }

func (u unit) stamp() (stamp, error) {
	var s stamp
	for _, suffix := range content {
		info, err := os.Lstat(u.path + suffix)
		if suffix != "" && errors.Is(err, fs.ErrNotExist) {
			s.files += "none\n"
			continue
		}
		if err != nil {
			return stamp{}, err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || !info.Mode().IsRegular() {
			return stamp{}, fmt.Errorf("%s is no regular file", kind.Printable(u.path+suffix))
		}
		s.files += fmt.Sprintf("%d %d %d %d %d\n", stat.Dev, stat.Ino, stat.Size, stat.Mtim.Nano(), stat.Ctim.Nano())
		s.size += stat.Size
		if changed := time.Unix(stat.Ctim.Unix()); changed.After(s.changed) {
			s.changed = changed
		}
	}
	return s, nil
}

// copied is a private copy of a unit.
type copied struct {
	unit
	dir   *scratch
	stamp stamp         // of the original
	held  kind.Interval // in which the original was what the copy is
}

const (
	copyAttempts = 40
	// Some kernels stamp files by a clock that ticks every 4 to 10 ms.
	coarseTick = 10 * time.Millisecond
)

var errBusy = errors.New("it is being written all the time; end what writes to it and try again")

// copy copies the unit while nobody writes to it. It tries for a while to
// find such a moment.
func (u unit) copy(ctx context.Context) (*copied, error) {
	dir, err := newScratch(os.TempDir())
	if err != nil {
		return nil, err
	}
	c := &copied{unit: unitAt(filepath.Join(dir.path, "db")), dir: dir}
	if err := c.fill(ctx, u); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

func (c *copied) fill(ctx context.Context, from unit) error {
	for attempt := range copyAttempts {
		// A file that is never older than a tick gets the benefit of the
		// doubt at last.
		done, err := c.try(from, attempt < copyAttempts/2)
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(coarseTick):
		}
	}
	return errBusy
}

// try copies once, and reports whether the original stood still meanwhile.
func (c *copied) try(from unit, strict bool) (bool, error) {
	before, err := from.stamp()
	if err != nil {
		return false, err
	}
	c.held.From = time.Now()
	if strict && !before.settled(c.held.From, coarseTick) {
		return false, nil
	}
	for _, suffix := range content {
		err := copyFile(from.path+suffix, c.path+suffix)
		if suffix != "" && errors.Is(err, fs.ErrNotExist) {
			err = removeIfThere(c.path + suffix)
		}
		if err != nil {
			return false, err
		}
	}
	c.held.To = time.Now()
	c.stamp, err = from.stamp()
	return c.stamp == before, err
}

// copyFile copies by reference where the file system can.
func copyFile(from, to string) (err error) {
	in, err := os.OpenFile(from, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// remove removes the copy.
func (c *copied) remove() error { return c.dir.remove() }

// present lists the suffixes of the files that there are.
func (c *copied) present() []string {
	return slices.DeleteFunc(slices.Clone(content), func(suffix string) bool {
		_, err := os.Lstat(c.path + suffix)
		return err != nil
	})
}

// whole returns the copy, once SQLite has read it, as one file.
func (c *copied) whole() (*os.File, error) {
	for _, suffix := range content[1:] {
		if info, err := os.Lstat(c.path + suffix); err == nil && info.Size() > 0 {
			return nil, fmt.Errorf("SQLite has left a %s beside its copy of the database", suffix)
		}
	}
	return os.Open(c.path)
}

// closeAfter closes a file that was read, or written until an error.
func closeAfter(f io.Closer, err error) error { return errors.Join(err, f.Close()) }
