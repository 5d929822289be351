package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"syscall"

	"dogear/kind"
	"dogear/store/chunk"
)

var _ kind.Adopter = (*partSink)(nil)

// Incoming returns the directory of packs that are being written.
func (p *partSink) Incoming() string { return p.session.store.Incoming() }

// Adopt puts all chunks of a pack that another process has finished. It has been
// where others than this process write, so every byte is checked.
func (p *partSink) Adopt(ctx context.Context, name string) error {
	if err := p.adopt(ctx, name); err != nil {
		return fmt.Errorf("adopt pack %s: %w", name, err)
	}
	return nil
}

func (p *partSink) adopt(ctx context.Context, name string) (err error) {
	if id, err := hex.DecodeString(name); err != nil || len(id) == 0 {
		return errors.New("it is no name of a pack")
	}
	path := chunk.Path(p.Incoming(), name)
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	if err := requireOwnFile(path); err != nil {
		return err
	}
	reader := p.session.store.reader
	if _, err := reader.Verify(ctx, path); err != nil {
		return err
	}
	index, size, err := chunk.OpenIndex(path)
	if err != nil {
		return err
	}
	if err := p.session.packer.Adopt(chunk.Pack{Name: name, Size: size, Index: index}); err != nil {
		return err
	}
	for _, c := range index.Chunks {
		p.note(c.ID)
	}
	return nil
}

// requireOwnFile makes sure that nobody but this user can write to a file.
func requireOwnFile(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is not a file")
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Nlink != 1 {
		return errors.New("it has another name")
	}
	return checkPrivate(path, info)
}
