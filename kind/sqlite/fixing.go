package sqlite

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"dogear/internal/tree"
	"dogear/kind"
)

// fixing is a capture of the files of a housed database, whose content goes to
// a shelf and becomes a private copy.
type fixing struct {
	name  string
	files tree.Capture
	dir   *scratch
	shelf *shelf

	found found // once it is finished
	held  kind.Interval
}

func (h *housed) beginFixing(ctx context.Context) (_ *fixing, err error) {
	f := &fixing{name: h.name}
	if f.dir, err = newScratch(os.TempDir()); err != nil {
		return nil, err
	}
	if f.shelf, err = newShelf(f.dir.path); err == nil {
		f.files, err = h.files.Capture(ctx, h.opts, f.shelf)
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// finish gets hold of what Take has fixed.
func (f *fixing) finish(ctx context.Context) error {
	result, err := f.files.Finish(ctx)
	if err != nil {
		return err
	}
	f.found, f.held = nil, result.Held
	for e, err := range result.Entries {
		if err != nil {
			return err
		}
		f.found = append(f.found, e)
	}
	return nil
}

// copy writes the files to the private directory, which is the copy's from now
// on.
func (f *fixing) copy(ctx context.Context) (*copied, error) {
	s, err := f.found.stamp(f.name)
	if err != nil {
		return nil, err
	}
	c := &copied{unit: unitAt(filepath.Join(f.dir.path, "db")), dir: f.dir, stamp: s, held: f.held}
	for _, suffix := range content {
		e, ok := f.found.file(f.name + suffix)
		if !ok {
			continue
		}
		r, w := io.Pipe()
		go func() { w.CloseWithError(tree.WriteContent(ctx, e, f.shelf, w)) }()
		err := writeFile(c.path+suffix, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
	}
	f.dir = nil
	return c, nil
}

// owner is whose the file was.
func (f *fixing) owner() owner {
	e, _ := f.found.file(f.name)
	return owner{UID: int(e.UID), GID: int(e.GID), Mode: fileMode(e.Mode)}
}

// close releases all but a copy that was made.
func (f *fixing) close() error {
	var err error
	if f.files != nil {
		err = f.files.Close()
	}
	if f.shelf != nil {
		err = errors.Join(err, f.shelf.close())
	}
	if f.dir != nil {
		err = errors.Join(err, f.dir.remove())
	}
	f.files, f.shelf, f.dir = nil, nil, nil
	return err
}
