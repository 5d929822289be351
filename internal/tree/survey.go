package tree

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// Sighting is an entry that a survey came upon.
type Sighting struct {
	Path         string // relative to what was surveyed
	Type         Type
	Dev, Ino     uint64
	Size         int64
	Mtime, Ctime unix.Timespec
	Links        uint32 // how many names it has
}

// repositoryDir is not entered: what is in it is git's, and may be more than
// all the rest.
const repositoryDir = ".git"

// Survey lists the regular files of a workspace, and whatever is named .git,
// in the order of kind.CompareNames, for drivers that look for what is theirs.
// It stays on the workspace's file system. What cannot be looked at is left
// out: that a capture lacks it is said by who captures it.
//
// Drivers that look one after the other share one survey.
func Survey(ctx context.Context, ws *kind.Workspace) ([]Sighting, error) {
	found, err := ws.Shared.Once(surveyName, func() (any, error) { return survey(ctx, ws.Root) })
	if err != nil {
		return nil, err
	}
	return found.(*surveyed).found, nil
}

const surveyName = "tree survey"

func survey(ctx context.Context, dir string) (_ *surveyed, err error) {
	from := time.Now()
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	defer func() { err = errors.Join(err, unix.Close(root)) }()
	top := &folder{node: node{typ: Folder}}
	if top.node.stamp, _, err = status(root, ""); err != nil {
		return nil, err
	}
	w := newWalker(nil)
	w.lenient, w.enter = true, openAcross
	w.ends = func(n *node, _ *unix.Statx_t) bool {
		return n.typ == Folder && n.stamp.dev != top.node.stamp.dev && !isRepositoryDir(n)
	}
	v, err := w.view(ctx, root, top)
	if err != nil {
		return nil, err
	}
	return &surveyed{root: dir, from: from, view: v, whole: !w.leftOut.Load(), found: sightings(v)}, nil
}

// openAcross opens a directory also if something of the same file system is
// mounted there.
func openAcross(parent int, name string) (int, error) {
	if name == repositoryDir {
		return -1, unix.EACCES
	}
	return unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

func sightings(v *view) []Sighting {
	found := make([]Sighting, 0, len(v.nodes))
	for i := range v.nodes {
		n := &v.nodes[i]
		if n.typ != Regular && !isRepositoryDir(n) {
			continue
		}
		found = append(found, Sighting{
			Path: n.path, Type: n.typ, Dev: n.stamp.dev, Ino: n.stamp.ino, Size: n.stamp.size,
			Links: n.stamp.nlink,
			Mtime: unix.Timespec{Sec: n.stamp.mtime.sec, Nsec: n.stamp.mtime.nsec},
			Ctime: unix.Timespec{Sec: n.stamp.ctime.sec, Nsec: n.stamp.ctime.nsec},
		})
	}
	return found
}

func isRepositoryDir(n *node) bool {
	_, name := split(n.path)
	return name == repositoryDir
}
