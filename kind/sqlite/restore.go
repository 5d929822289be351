package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	stored "dogear/internal/content"
	"dogear/kind"
)

// withoutDump is the answer to a restore of what is not in the part.
const withoutDump = "the snapshot holds no dump of it: restore it together with the tree that holds its files"

// Preview compares the live database with the part.
func (d *Driver) Preview(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (kind.Change, error) {
	m, err := readMeta(ctx, part, source)
	if err != nil && !errors.Is(err, errOlder) || m.Large {
		return kind.Change{Action: kind.ActionNone}, err
	}
	change := kind.Change{Action: kind.ActionPatch, Details: []string{"replace " + whatOf(part)}}
	facts, err := d.factsOf(ctx, ws, part.Item())
	switch {
	case errors.Is(err, kind.ErrGone):
		change.Action = kind.ActionCreate
		if len(part.Inside) > 0 {
			change.Conflicts = []string{"the database is gone: restore all of it"}
		}
	case err != nil:
		return kind.Change{}, err
	case facts.about(part.Inside).same(m.Facts.about(part.Inside)):
		return kind.Change{Action: kind.ActionNone}, nil
	}
	dump, ok := part.Object(databaseObject)
	if !ok {
		change.Conflicts = []string{withoutDump}
		return change, nil
	}
	change.Bytes, change.Chunks = dump.Size, dump.Chunks
	h, err := d.homeOf(ctx, ws, part.Item())
	if err != nil {
		return change, err
	}
	inTheWay, err := h.obstacles(ctx)
	change.Conflicts = append(change.Conflicts, inTheWay...)
	return change, err
}

// whatOf names what of a part is restored.
func whatOf(part kind.Part) string {
	switch len(part.Inside) {
	case 0:
		return "the database"
	case 1:
		return "table " + part.Inside[0]
	}
	return "tables " + strings.Join(part.Inside, ", ")
}

// Restore puts the database in place from its dump. The engine calls it only
// where the tree that holds its files does not come back with it.
func (d *Driver) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (err error) {
	change, err := d.Preview(ctx, ws, part, source)
	if err != nil {
		return err
	}
	h, err := d.homeOf(ctx, ws, part.Item())
	switch {
	case err != nil:
		return err
	case change.Action == kind.ActionNone:
		return h.sweep()
	case len(change.Conflicts) > 0:
		return errors.New(change.Conflicts[0])
	}
	m, err := readMeta(ctx, part, source)
	if err != nil {
		return err
	}
	dump, err := fetch(ctx, part, source, m)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dump.remove()) }()
	if len(part.Inside) > 0 {
		return exchange(ctx, h, part, dump, m)
	}
	return h.place(ctx, dump, m.Owner)
}

// fetch writes the dump into a private directory, and compares it with what
// was captured.
func fetch(ctx context.Context, part kind.Part, source kind.Source, m meta) (_ *copied, err error) {
	object, ok := part.Object(databaseObject)
	if !ok {
		return nil, errors.New(withoutDump)
	}
	dir, err := newScratch(os.TempDir())
	if err != nil {
		return nil, err
	}
	c := &copied{unit: unitAt(filepath.Join(dir.path, "db")), dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.remove())
		}
	}()
	if err := writeFile(c.path, stored.Open(ctx, source, object)); err != nil {
		return nil, fmt.Errorf("read the dump (nothing was touched): %w", err)
	}
	facts, unreadable, err := c.facts(ctx)
	if err = errors.Join(err, unreadable); err != nil {
		return nil, fmt.Errorf("read the dump (nothing was touched): %w", err)
	}
	if !facts.same(m.Facts) {
		return nil, errors.New("the dump is not what was captured (nothing was touched): run dogear check")
	}
	return c, nil
}

func writeFile(path string, r io.Reader) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return closeAfter(f, err)
}
