package tree

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// write writes a new regular file.
func (w *writer) write(ctx context.Context, dir int, name string, e *Entry) (err error) {
	fd, err := open(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	defer func() { err = errors.Join(err, f.Close()) }()
	if len(e.Holes) > 0 {
		if err := f.Truncate(e.Size); err != nil {
			return fmt.Errorf("set size: %w", err)
		}
	}
	return w.fill(ctx, f, e)
}

// fill writes the data of a file around its holes, and checks the digest of
// what it wrote.
func (w *writer) fill(ctx context.Context, f *os.File, e *Entry) error {
	out := &extentWriter{f: f, data: dataExtents(e.Size, e.Holes)}
	sum := newDigest(e.Size, e.Holes)
	for _, id := range e.Chunks {
		chunk, err := w.source.Get(ctx, id, w.buf)
		if err != nil {
			return fmt.Errorf("fetch content: %w", err)
		}
		w.buf = chunk
		if _, err := sum.Write(chunk); err != nil {
			return err
		}
		if err := out.write(chunk); err != nil {
			return err
		}
	}
	if sum.finish() != e.Digest {
		return errors.New("its chunks do not have its digest")
	}
	return nil
}

// extentWriter writes a stream of data to where it belongs in a file.
type extentWriter struct {
	f    *os.File
	data []Extent // still to be written
}

func (w *extentWriter) write(p []byte) error {
	for len(p) > 0 && len(w.data) > 0 {
		x := &w.data[0]
		n, err := w.f.WriteAt(p[:min(int64(len(p)), x.Length)], x.Offset)
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

// patch writes the changed blocks of a file in place, each checked before it
// is written; the blocks in between were compared.
func (w *writer) patch(ctx context.Context, a action) (err error) {
	dir, name, err := w.dirs.parent(a.want.Path)
	if err != nil {
		return err
	}
	fd, err := open(dir, name, unix.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := w.patchBlocks(ctx, f, a); err != nil {
		return err
	}
	return setMeta(dir, name, a.want)
}

func (w *writer) patchBlocks(ctx context.Context, f *os.File, a action) error {
	s, _, err := status(int(f.Fd()), "")
	if err != nil {
		return err
	}
	if s != a.live.stamp {
		return errors.New("it changed while it was being restored")
	}
	for _, i := range changedBlocks(a.live, a.want) {
		chunk, err := w.source.Get(ctx, a.want.Chunks[i], w.buf)
		if err != nil {
			return fmt.Errorf("fetch content: %w", err)
		}
		w.buf = chunk
		if kind.Sum(chunk) != a.want.Chunks[i] {
			return errors.New("a block does not have its digest")
		}
		if _, err := f.WriteAt(chunk, blockAt(i)); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	if err := f.Truncate(a.want.Size); err != nil {
		return fmt.Errorf("set size: %w", err)
	}
	return nil
}
