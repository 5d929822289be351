package postgres

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"dogear/internal/docker"
)

// directory is script for a dump that is one: pg_restore has to have it as a
// directory too. In a container it gets it from a tar, for as long as it reads.
func (i *importing) directory(ctx context.Context, file *os.File) (io.Reader, func() error, error) {
	dir, err := os.OpenRoot(file.Name())
	if err != nil {
		return nil, nil, err
	}
	names, err := file.Readdirnames(-1)
	if err == nil {
		_, err = dir.Stat("toc.dat")
	}
	if err != nil {
		return nil, nil, errors.Join(errors.New("it is no directory of pg_dump: it has no toc.dat"), dir.Close())
	}
	out, done := scriptOf(func(w io.Writer) (string, error) {
		if i.server.address != "" {
			return i.server.run(ctx, i.way, "pg_restore", []string{"--file=-", file.Name()}, "", nil, w)
		}
		packed, pack := io.Pipe()
		failed := make(chan error, 1)
		go func() {
			err := packFiles(ctx, dir, names, pack)
			pack.CloseWithError(err)
			failed <- err
		}()
		complaint, err := i.server.inside().exec(ctx, docker.Command{
			Argv: []string{"sh", "-c", `dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && tar -x -C "$dir" && pg_restore --file=- "$dir"`}, Stdin: packed, Stdout: w,
		})
		_ = packed.Close() // ends the packing
		if unread := <-failed; unread != nil && !errors.Is(unread, io.ErrClosedPipe) {
			return "", unread
		}
		return complaint, err
	})
	return out, func() error { return errors.Join(done(), dir.Close()) }, nil
}

// packFiles writes the files of a directory as a tar. There are no others in a
// dump: what they lead to would be read.
func packFiles(ctx context.Context, dir *os.Root, names []string, w io.Writer) error {
	t := tar.NewWriter(w)
	for _, name := range names {
		if err := packFile(ctx, dir, name, t); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return t.Close()
}

func packFile(ctx context.Context, dir *os.Root, name string, t *tar.Writer) (err error) {
	info, err := dir.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err != nil {
		return err
	}
	f, err := dir.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size()}); err != nil {
		return err
	}
	if _, err := io.Copy(t, f); err != nil {
		return err
	}
	return ctx.Err()
}
