package tree

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// temporary returns the name under which name is staged. It is always the
// same: what a killed run left is found by it.
func temporary(name string) string {
	sum := sha256.Sum256([]byte(name))
	return temporaryPrefix + hex.EncodeToString(sum[:8])
}

// put stages an entry beside its place and renames it there: what is found
// under a name is whole. (Without the rename a quarter of what creating a file
// costs would be saved; an unnamed file that is linked into place saves nothing.)
func (w *writer) put(ctx context.Context, a action) error {
	dir, name, err := w.dirs.parent(a.want.Path)
	if err != nil {
		return err
	}
	temp := temporary(name)
	err = w.stage(ctx, dir, temp, a.want)
	if errors.Is(err, unix.EEXIST) { // left by a killed run since the tree was read
		if err = unlink(dir, temp); err == nil {
			err = w.stage(ctx, dir, temp, a.want)
		}
	}
	if errors.Is(err, unix.EPERM) && (a.want.Type == CharDev || a.want.Type == BlockDev) {
		w.gap(a.want.Path, "making device nodes is not permitted here")
		return nil
	}
	if err == nil {
		err = rename(dir, temp, name)
	}
	if err != nil {
		return errors.Join(err, unlink(dir, temp))
	}
	return nil
}

// stage makes an entry with its attributes.
func (w *writer) stage(ctx context.Context, dir int, name string, e *Entry) (err error) {
	switch e.Type {
	case Regular:
		return w.file(ctx, dir, name, e)
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
	return setMeta(dir, name, e)
}

// file writes a new regular file, for us alone until its attributes are set.
func (w *writer) file(ctx context.Context, dir int, name string, e *Entry) (err error) {
	fd, err := open(dir, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeWritten(fd)) }()
	fill := w.fill
	if e.isPaged() {
		fill = w.fillPages
	}
	if err := fill(ctx, fd, e); err != nil {
		return err
	}
	return w.dress(dir, fd, e)
}

func closeWritten(fd int) error {
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// dress gives a new file its attributes. It has extended ones already only
// if its directory hands down an ACL.
func (w *writer) dress(dir, fd int, e *Entry) error {
	var st unix.Statx_t
	if err := statx(fd, "", &st); err != nil {
		return err
	}
	h := handle{fd: fd, opened: true, state: stampOf(&st)}
	var have []Xattr
	inherits, err := w.inherits(dir, e.Path)
	if err == nil && inherits {
		have, err = xattrsOfFile(fd)
	}
	if err != nil {
		return err
	}
	return h.give(have, e)
}

// inherits reports whether the directory of a path hands down an ACL. The
// answer is kept for the next file in it.
func (w *writer) inherits(dir int, path string) (bool, error) {
	parent, _ := split(path)
	if w.asked && w.askedFor == parent {
		return w.hasDefault, nil
	}
	n, err := unix.Fgetxattr(dir, "system.posix_acl_default", nil)
	if err != nil && !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
		return false, fmt.Errorf("look for an ACL of the directory: %w", err)
	}
	w.asked, w.askedFor, w.hasDefault = true, parent, err == nil && n > 0
	return w.hasDefault, nil
}

// fill writes the data of a file around its holes. The source has checked
// each chunk against its id; what is checked here is that they fit. That they
// are the right ones in the right order is proven where the bytes of the whole
// tree are compared afterwards.
func (w *writer) fill(ctx context.Context, fd int, e *Entry) error {
	if len(e.Holes) > 0 {
		if err := unix.Ftruncate(fd, e.Size); err != nil {
			return fmt.Errorf("set size: %w", err)
		}
	}
	out := &extentWriter{fd: fd, data: dataExtents(e.Size, e.Holes)}
	for _, id := range e.Chunks {
		chunk, err := w.source.Get(ctx, id, w.buf)
		if err != nil {
			return fmt.Errorf("fetch content: %w", err)
		}
		w.buf = chunk
		if err := out.write(chunk); err != nil {
			return err
		}
		w.started(fd, len(chunk))
	}
	if len(out.data) > 0 {
		return errors.New("its chunks are too short")
	}
	return nil
}

// writeBehind is how much of a file is written before the kernel is told to
// bring it to the disk: by itself it would begin only when much of the memory
// is taken, and all would wait for the disk at the end.
const writeBehind = 4 << 20

// started has what was written of a large file brought to the disk meanwhile.
// It is a hint; whether all is there is what the sync at the end tells.
func (w *writer) started(fd int, n int) {
	if w.behind += n; w.behind >= writeBehind {
		_ = unix.SyncFileRange(fd, 0, 0, unix.SYNC_FILE_RANGE_WRITE)
		w.behind = 0
	}
}

// extentWriter writes a stream of data to where it belongs in a file.
type extentWriter struct {
	fd   int
	data []Extent // still to be written
}

func (w *extentWriter) write(p []byte) error {
	for len(p) > 0 {
		if len(w.data) == 0 {
			return errors.New("its chunks are too long")
		}
		x := &w.data[0]
		n, err := fileAt(w.fd).WriteAt(p[:min(int64(len(p)), x.Length)], x.Offset)
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		p = p[n:]
		x.Offset += int64(n)
		x.Length -= int64(n)
		if x.Length == 0 {
			w.data = w.data[1:]
		}
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
	to := name
	if a.live != nil {
		to = temporary(name)
		if err := unlink(dir, to); err != nil {
			return err
		}
	}
	if err := unix.Linkat(firstDir, first, dir, to, 0); err != nil {
		return fmt.Errorf("link to %s: %w", kind.Printable(a.want.Group), err)
	}
	if a.live == nil {
		return nil
	}
	err = rename(dir, to, name)
	// Renaming one link over another of the same file does nothing.
	return errors.Join(err, unlink(dir, to))
}
