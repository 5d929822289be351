package tree

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

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
