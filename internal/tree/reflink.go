package tree

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// clone makes a file of which most is there already: a clone of the live
// file, which shares its blocks (btrfs, xfs), gets what differs and takes its
// place. Other than patching this is atomic, and allowed for a file that has
// further names. It reports whether it could be done; if not, nothing was
// touched, not even the directory.
func (w *writer) clone(ctx context.Context, a action) (done bool, err error) {
	if w.cannotClone || !clonable(a) {
		return false, nil
	}
	dir, name, err := w.dirs.parent(a.want.Path)
	if err != nil {
		return false, err
	}
	fd, err := cloneOf(dir, name, a.live)
	if errors.Is(err, errNoClone) {
		w.cannotClone = true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, closeWritten(fd)) }()
	out := pageWriter{fd: fileAt(fd), want: a.want, places: differing(&a.live.Entry, a.want), punch: true}
	if err := out.run(ctx, w); err != nil {
		return false, err
	}
	if err := out.verify(a.live); err != nil {
		return false, err
	}
	if err := w.dress(dir, fd, a.want); err != nil {
		return false, err
	}
	if err := replaceBy(fd, dir, name); err != nil {
		return false, err
	}
	w.cloned = append(w.cloned, a.want.Path)
	return true, nil
}

// errNoClone says that the file system cannot clone, or not here.
var errNoClone = errors.New("it cannot be cloned")

// cloneOf returns a clone of a file, open for writing, that has no name.
func cloneOf(dir int, name string, live *record) (_ int, err error) {
	from, err := openFile(dir, name)
	if err != nil {
		return -1, err
	}
	defer func() { err = errors.Join(err, unix.Close(from)) }()
	fd, err := open(dir, ".", unix.O_RDWR|unix.O_TMPFILE, 0o600)
	if err != nil {
		return -1, errNoClone
	}
	err = unix.IoctlFileClone(fd, from)
	if err != nil {
		err = errNoClone
	} else if s, _, statErr := status(from, ""); statErr != nil {
		err = statErr
	} else if s != live.stamp {
		err = errors.New("it changed while it was being restored")
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// replaceBy puts a file that has no name in the place of another.
func replaceBy(fd, dir int, name string) error {
	temp := temporary(name)
	if err := unlink(dir, temp); err != nil {
		return err
	}
	if err := unix.Linkat(unix.AT_FDCWD, fdPath(fd), dir, temp, unix.AT_SYMLINK_FOLLOW); err != nil {
		return fmt.Errorf("name the clone: %w", err)
	}
	if err := rename(dir, temp, name); err != nil {
		return errors.Join(err, unlink(dir, temp))
	}
	return nil
}

// clonable reports whether less than half of a paged file has to be
// written if what is there can be shared.
func clonable(a action) bool {
	return a.live != nil && a.live.Type == Regular && a.want.Type == Regular && mostlySame(a.live, a.want)
}

// reportClones counts and names what was cloned, which no plan can know, and
// returns the directories whose attributes therefore have to be set.
func (p *plan) reportClones(paths []string) (dirs []action) {
	p.changes.Cloned = len(paths)
	changed := make(map[string]bool)
	for _, path := range paths {
		dir, _ := split(path)
		changed[dir] = true
		name := kind.Printable(path)
		for i, detail := range p.changes.Details {
			if detail == "patch "+name || detail == "rewrite "+name {
				p.changes.Details[i] = "clone and patch " + name
			}
		}
	}
	for _, a := range p.patched {
		if changed[a.want.Path] {
			dirs = append(dirs, a)
		}
	}
	return dirs
}
