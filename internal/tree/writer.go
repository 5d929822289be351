package tree

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// writer carries out actions. It is for one goroutine.
type writer struct {
	dirs   opener
	firsts opener // for the other end of a hard link
	source kind.Source
	buf    []byte
	behind int // bytes written since the kernel was told to bring them to the disk
	gaps   []kind.Gap

	holding *holding // keeps what is patched; nil: nothing does

	cannotClone bool // it was tried
	cloned      []string

	// whether the directory that files are made in hands down an ACL
	asked      bool
	askedFor   string
	hasDefault bool
}

func newWriter(root int, source kind.Source) *writer {
	return &writer{dirs: opener{root: root}, firsts: opener{root: root}, source: source}
}

func (w *writer) close() error {
	return errors.Join(w.dirs.forget(), w.firsts.forget())
}

// each carries out actions, and says which one went wrong.
func (w *writer) each(ctx context.Context, actions []action, do func(context.Context, action) error) error {
	for _, a := range actions {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(ctx, a); err != nil {
			return fmt.Errorf("%s: %w", kind.Printable(orDot(a.path())), err)
		}
	}
	return nil
}

// files writes those that come.
func (w *writer) files(ctx context.Context, next <-chan []action) error {
	for some := range next {
		if err := w.each(ctx, some, w.content); err != nil {
			return errors.Join(err, w.close())
		}
	}
	return w.close()
}

func (w *writer) content(ctx context.Context, a action) error {
	if done, err := w.clone(ctx, a); done || err != nil {
		return err
	}
	if a.patch {
		return w.patch(ctx, a)
	}
	return w.put(ctx, a)
}

// sweep removes what a killed run left.
func (w *writer) sweep(stale []string) error {
	for _, path := range stale {
		dir, name, err := w.dirs.parent(path)
		if err != nil {
			return err
		}
		if err := unlink(dir, name); err != nil {
			return err
		}
	}
	return nil
}

func unlink(dir int, name string) error {
	if err := unix.Unlinkat(dir, name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove: %w", err)
	}
	return nil
}

// remove removes an entry. A directory that still holds something then holds
// what is no part of the tree, and stays.
func (w *writer) remove(_ context.Context, a action) error {
	dir, name, err := w.dirs.parent(a.live.Path)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	if a.live.Type != Folder {
		return unlink(dir, name)
	}
	err = unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
	switch {
	case errors.Is(err, unix.ENOTEMPTY):
		w.gap(a.live.Path, "the directory holds what is no part of the tree, and stays")
	case err != nil && !errors.Is(err, unix.ENOENT):
		return fmt.Errorf("remove directory: %w", err)
	}
	return nil
}

func (w *writer) gap(path, why string) {
	w.gaps = append(w.gaps, kind.Gap{What: kind.Printable(orDot(path)), Why: why})
}

// folder makes a directory, for us alone until its attributes are set.
func (w *writer) folder(_ context.Context, a action) error {
	if a.want.Path == "" {
		return nil // made before the root was opened
	}
	dir, name, err := w.dirs.parent(a.want.Path)
	if err != nil {
		return err
	}
	if err := unix.Mkdirat(dir, name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make directory: %w", err)
	}
	return nil
}

// meta sets the attributes of an entry that is there.
func (w *writer) meta(_ context.Context, a action) (err error) {
	dir, name := w.dirs.root, "."
	if a.want.Path != "" {
		if dir, name, err = w.dirs.parent(a.want.Path); err != nil {
			return err
		}
	}
	return setMeta(dir, name, a.want)
}

// unlock gives us the right to change a directory of our own; its attributes
// are set at the end.
func (w *writer) unlock(_ context.Context, a action) (err error) {
	if os.Geteuid() == 0 {
		return nil
	}
	dir, name := w.dirs.root, "."
	if a.path() != "" {
		if dir, name, err = w.dirs.parent(a.path()); err != nil {
			return err
		}
	}
	h, err := openHandle(dir, name, Folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	return h.chmod(a.live.Mode | 0o700)
}
