// Package atomicfile replaces files so that, whatever happens, a reader sees
// the old content or the new, never a mixture: temporary file in the same
// directory, write, sync, close, rename, sync the directory.
//
// It is the only place where this is done. It knows nothing of what it writes.
package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// prefix starts the name of every temporary file.
const prefix = ".dogear-tmp-"

// Write replaces the file at path. When it returns nil the content is durable.
func Write(path string, mode os.FileMode, content []byte) error {
	f, err := Create(path, mode)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), f.Abort())
	}
	return f.Commit()
}

// WriteCache is Write for what can be worked out again: it waits for no disk,
// so after a power cut the file may be empty or torn. A reader must check. The
// content comes in pieces, so that nobody has to put large ones together.
func WriteCache(path string, mode os.FileMode, content ...[]byte) error {
	f, err := Create(path, mode)
	if err != nil {
		return err
	}
	for _, piece := range content {
		if _, err := f.Write(piece); err != nil {
			return errors.Join(fmt.Errorf("write %s: %w", path, err), f.Abort())
		}
	}
	return f.rename()
}

// File is a file that will replace the one at its path. Either Commit or
// Abort ends it.
type File struct {
	*os.File
	path string
	done bool
}

// Create begins to replace the file at path.
func Create(path string, mode os.FileMode) (*File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), prefix+"*")
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	file := &File{File: f, path: path}
	if err := f.Chmod(mode); err != nil {
		return nil, errors.Join(fmt.Errorf("create %s: %w", path, err), file.Abort())
	}
	return file, nil
}

// Commit makes the content durable and puts it in place.
func (f *File) Commit() error {
	if err := f.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync %s: %w", f.path, err), f.Abort())
	}
	if err := f.rename(); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(f.path))
}

func (f *File) rename() error {
	if err := f.Close(); err != nil {
		return errors.Join(fmt.Errorf("close %s: %w", f.path, err), f.Abort())
	}
	if err := os.Rename(f.Name(), f.path); err != nil {
		return errors.Join(err, f.Abort())
	}
	f.done = true
	return nil
}

// Abort drops what was written. After Commit it does nothing.
func (f *File) Abort() error {
	if f.done {
		return nil
	}
	f.done = true
	err := f.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(err, os.Remove(f.Name()))
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	if err := d.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync directory: %w", err), d.Close())
	}
	return d.Close()
}

// IsTemp reports whether a name is that of a temporary file of this package.
func IsTemp(name string) bool { return strings.HasPrefix(name, prefix) }

// RemoveTemps removes the temporary files that killed processes left in a
// directory. Nobody else may be writing there.
func RemoveTemps(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for leftovers: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if IsTemp(e.Name()) {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
