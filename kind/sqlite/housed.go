package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/internal/handles"
	"dogear/internal/tree"
	"dogear/kind"
)

// housed is a home in a volume. All is done by the tree engine, which may have
// to do it in a container: what is read comes as chunks, which wait on a shelf.
type housed struct {
	engine *docker.Engine
	ws     *kind.Workspace
	volume kind.ID
	name   string // of the database in the volume
	files  tree.Tree
	opts   tree.Options
}

func (d *Driver) newHoused(ctx context.Context, ws *kind.Workspace, item kind.Item, volume kind.ID) (*housed, error) {
	engine, err := d.engines.Engine(ctx)
	if err != nil {
		return nil, err
	}
	v, err := engine.Volume(ctx, volume.Name)
	if err != nil {
		return nil, err
	}
	files, err := engine.VolumeTree(ctx, v)
	if err != nil {
		return nil, err
	}
	name := nameInVolume(item.ID)
	mine := siblings(name)
	return &housed{
		engine: engine, ws: ws, volume: volume, name: name, files: files,
		opts: tree.Options{Only: mine, Within: mine, InPlace: mine, Index: tree.CacheIndex(ws.Cache, item.ID), Traffic: ws.Traffic},
	}, nil
}

// found is what is in the volume of a database, and of the way there.
type found []tree.Entry

func (h *housed) look(ctx context.Context) (found, error) {
	var all found
	for e, err := range h.files.Entries(ctx, h.opts) {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func (f found) file(path string) (tree.Entry, bool) {
	i := slices.IndexFunc(f, func(e tree.Entry) bool { return e.Path == path })
	if i < 0 {
		return tree.Entry{}, false
	}
	return f[i], true
}

// stamp is by content: the tree engine knows what has not changed.
func (f found) stamp(name string) (stamp, error) {
	var s stamp
	for _, suffix := range content {
		e, ok := f.file(name + suffix)
		switch {
		case !ok && suffix == "":
			return stamp{}, kind.ErrGone
		case !ok:
			s.files += "none\n"
			continue
		case e.Type != tree.Regular:
			return stamp{}, fmt.Errorf("%s is no regular file", kind.Printable(e.Path))
		case e.Unread:
			return stamp{}, fmt.Errorf("%s cannot be read", kind.Printable(e.Path))
		}
		s.files += fmt.Sprintf("%d %x\n", e.Size, e.Digest)
		s.size += e.Size
	}
	return s, nil
}

func (h *housed) stamp(ctx context.Context) (stamp, error) {
	all, err := h.look(ctx)
	if err != nil {
		return stamp{}, err
	}
	return all.stamp(h.name)
}

// copy tries for a while to find a moment in which nobody writes.
func (h *housed) copy(ctx context.Context) (*copied, error) {
	for range copyAttempts {
		c, err := h.copyOnce(ctx)
		if err != nil || c != nil {
			return c, err
		}
	}
	return nil, errBusy
}

// copyOnce returns nil if the files changed meanwhile.
func (h *housed) copyOnce(ctx context.Context) (_ *copied, err error) {
	f, err := h.beginFixing(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.files.Take(ctx); err != nil {
		return nil, err
	}
	if err := f.finish(ctx); err != nil || f.held.IsZero() {
		return nil, err
	}
	return f.copy(ctx)
}

// obstacles are programs of this host that have it open, and containers that
// are not the workspace's to stop.
func (h *housed) obstacles(ctx context.Context) ([]string, error) {
	all, err := h.look(ctx)
	if err != nil {
		return nil, err
	}
	var conflicts []string
	if _, ok := all.file(strings.TrimSuffix(filepath.Dir(h.name), ".")); !ok {
		conflicts = append(conflicts, directoryGone)
	}
	sightings, err := h.files.Search(ctx, searchFor(h.ws, h.volume.String()))
	if err != nil {
		return nil, err
	}
	files := make(map[handles.File]bool)
	for _, s := range sightings {
		if s.Path != h.name {
			continue
		}
		files[handles.File{Dev: s.Dev, Ino: s.Ino}] = h.engine.Local()
		if s.Links > 1 {
			conflicts = append(conflicts, linked(filepath.Base(s.Path), s.Links))
		}
	}
	opened, err := holding(files)
	if err != nil {
		return nil, err
	}
	others, err := h.engine.OthersRunningWith(ctx, h.ws, h.volume.Name)
	for _, name := range others {
		opened = append(opened, "container "+name+", which is not of this workspace, runs with its volume and may have it open: stop that first")
	}
	return append(conflicts, opened...), err
}

// place has the tree engine put the file there, and take away what lies beside
// it and belongs to another state.
func (h *housed) place(ctx context.Context, c *copied, as owner) (err error) {
	users, err := h.engine.RunningWith(ctx, h.volume.Name)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return fmt.Errorf("it cannot be replaced while these containers run with its volume: %s", strings.Join(users, ", "))
	}
	all, err := h.look(ctx)
	if err != nil {
		return err
	}
	shelf, err := newShelf(c.dir.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shelf.close()) }()
	file, err := c.entry(ctx, shelf)
	if err != nil {
		return err
	}
	manifest, err := tree.WriteManifest(ctx, shelf, all.with(file, h.name, as))
	if err != nil {
		return err
	}
	_, err = h.files.Apply(ctx, h.opts, manifest, shelf)
	return err
}

// with lists the directories on the way, and the file as it is to be.
func (f found) with(file tree.Entry, name string, as owner) []tree.Entry {
	entries := slices.DeleteFunc(slices.Clone(f), func(e tree.Entry) bool {
		return e.Type != tree.Folder || e.Path != "" && !strings.HasPrefix(name, e.Path+"/")
	})
	file.Path = name
	file.UID, file.GID, file.Mode = uint32(as.UID), uint32(as.GID), unixMode(as.Mode)
	file.Xattrs = nil
	if live, ok := f.file(name); ok {
		file.UID, file.GID, file.Mode, file.Xattrs = live.UID, live.GID, live.Mode, live.Xattrs
	}
	return append(entries, file)
}

// sweep has nothing to do: the tree engine sees to what it has left.
func (h *housed) sweep() error { return nil }

// entry captures the copy, which is one file, as the tree engine does.
func (c *copied) entry(ctx context.Context, shelf *shelf) (_ tree.Entry, err error) {
	f, err := c.whole()
	if err := closeAfter(f, err); err != nil {
		return tree.Entry{}, err
	}
	const name = "db"
	dir := filepath.Join(c.dir.path, "staged")
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700), os.Link(c.path, filepath.Join(dir, name))); err != nil {
		return tree.Entry{}, err
	}
	capture, err := tree.New(dir).Capture(ctx, tree.Options{InPlace: []kind.Pattern{name}}, shelf)
	if err != nil {
		return tree.Entry{}, err
	}
	defer func() { err = errors.Join(err, capture.Close()) }()
	if err := capture.Take(ctx); err != nil {
		return tree.Entry{}, err
	}
	result, err := capture.Finish(ctx)
	if err != nil {
		return tree.Entry{}, err
	}
	for e, err := range result.Entries {
		if err != nil || e.Path == name {
			return e, err
		}
	}
	return tree.Entry{}, errors.New("the copy is gone")
}
