package tree

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// Search says what files are looked for: those of a technology bear any name,
// and begin in its own way.
type Search struct {
	Begins []byte         // what such a file begins with
	Least  int64          // how large it is at least
	Skip   []kind.Pattern // what is not looked at, and directories that are not entered
	Seen   Index          // keeps which files were looked into; nil: all are each time
}

// Search looks at every file of the tree, and into those that it has not seen
// before. What it may not look at it leaves out.
func (d *Dir) Search(ctx context.Context, search Search) (_ []Sighting, err error) {
	root, err := d.openRoot()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unix.Close(root)) }()
	top := &folder{node: node{typ: Folder}}
	if top.node.stamp, _, err = status(root, ""); err != nil {
		return nil, err
	}
	w := newWalker(search.Skip)
	w.lenient, w.ends = true, func(n *node, _ *unix.Statx_t) bool { return n.mount }
	v, err := w.view(ctx, root, top)
	if err != nil {
		return nil, err
	}
	dirs := opener{root: root}
	defer func() { err = errors.Join(err, dirs.forget()) }()
	return search.among(ctx, sightings(v), d.now(), func(path string) (int, error) {
		dir, name, err := dirs.parent(path)
		if err != nil {
			return -1, err
		}
		return openFile(dir, name)
	})
}

// SearchSurvey searches the files of a workspace, as Survey lists them.
func SearchSurvey(ctx context.Context, ws *kind.Workspace, search Search) ([]Sighting, error) {
	files, err := Survey(ctx, ws)
	if err != nil {
		return nil, err
	}
	return search.among(ctx, files, time.Now(), func(path string) (int, error) {
		return unix.Open(filepath.Join(ws.Root, path), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
}

// among returns those of the files that are looked for.
func (s *Search) among(ctx context.Context, files []Sighting, now time.Time, open func(path string) (int, error)) ([]Sighting, error) {
	var found []Sighting
	seen := loadSeen(s.Seen)
	for i := range files {
		f := &files[i]
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if f.Type != Regular || f.Size < s.Least || kind.MatchAny(s.Skip, f.Path) {
			continue
		}
		key := keyOf(f)
		is, known := seen.look(key)
		if !known {
			var err error
			if is, err = s.isOne(f.Path, open); err == nil && f.isSettled(now) {
				seen.remember(key, is)
			}
		}
		if is {
			found = append(found, *f)
		}
	}
	return found, seen.save()
}

// isOne looks into a file. One that cannot be read is none.
func (s *Search) isOne(path string, open func(path string) (int, error)) (_ bool, err error) {
	fd, err := open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	head := make([]byte, len(s.Begins))
	if _, err := fileAt(fd).ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.Equal(head, s.Begins), nil
}

// isSettled reports whether a change that is made from now on will show in the
// file's times, whatever the resolution of its file system's clock.
func (f *Sighting) isSettled(now time.Time) bool {
	return now.Sub(time.Unix(f.Ctime.Unix())) > 2*time.Second
}
