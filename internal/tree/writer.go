package tree

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	gaps   []kind.Gap
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
func (w *writer) files(ctx context.Context, next <-chan action) error {
	for a := range next {
		write := w.put
		if a.patch {
			write = w.patch
		}
		if err := w.each(ctx, []action{a}, write); err != nil {
			return errors.Join(err, w.close())
		}
	}
	return w.close()
}

// temporary returns the name under which name is staged. It is always the
// same: what a killed run left is found by it.
func temporary(name string) string {
	sum := sha256.Sum256([]byte(name))
	return temporaryPrefix + hex.EncodeToString(sum[:8])
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

// put stages an entry beside its place and renames it there.
func (w *writer) put(ctx context.Context, a action) error {
	dir, name, err := w.dirs.parent(a.want.Path)
	if err != nil {
		return err
	}
	temp := temporary(name)
	if err := unlink(dir, temp); err != nil {
		return err
	}
	err = w.stage(ctx, dir, temp, a.want)
	if errors.Is(err, unix.EPERM) && (a.want.Type == CharDev || a.want.Type == BlockDev) {
		w.gap(a.want.Path, "making device nodes is not permitted here")
		return nil
	}
	if err == nil {
		err = setMeta(dir, temp, a.want)
	}
	if err == nil {
		err = rename(dir, temp, name)
	}
	if err != nil {
		return errors.Join(err, unlink(dir, temp))
	}
	return nil
}

// stage makes an entry without its attributes.
func (w *writer) stage(ctx context.Context, dir int, name string, e *Entry) (err error) {
	switch e.Type {
	case Regular:
		return w.write(ctx, dir, name, e)
	case Symlink:
		err = unix.Symlinkat(e.Target, dir, name)
	case Fifo:
		err = unix.Mknodat(dir, name, unix.S_IFIFO|0o600, 0)
	case Socket:
		err = unix.Mknodat(dir, name, unix.S_IFSOCK|0o600, 0)
	case CharDev:
		err = unix.Mknodat(dir, name, unix.S_IFCHR|0o600, int(e.Device))
	case BlockDev:
		err = unix.Mknodat(dir, name, unix.S_IFBLK|0o600, int(e.Device))
	default:
		err = fmt.Errorf("cannot make a %s", e.Type)
	}
	if err != nil {
		return fmt.Errorf("make %s: %w", e.Type, err)
	}
	return nil
}

func rename(dir int, from, to string) error {
	if err := unix.Renameat(dir, from, dir, to); err != nil {
		return fmt.Errorf("rename into place: %w", err)
	}
	return nil
}

// link makes an entry a further name of the first of its group.
func (w *writer) link(_ context.Context, a action) error {
	dir, name, err := w.dirs.parent(a.want.Path)
	if err != nil {
		return err
	}
	firstDir, first, err := w.firsts.parent(a.want.Group)
	if err != nil {
		return err
	}
	temp := temporary(name)
	if err := unlink(dir, temp); err != nil {
		return err
	}
	if err := unix.Linkat(firstDir, first, dir, temp, 0); err != nil {
		return fmt.Errorf("link to %s: %w", kind.Printable(a.want.Group), err)
	}
	err = rename(dir, temp, name)
	// Renaming one link over another of the same file does nothing.
	return errors.Join(err, unlink(dir, temp))
}
