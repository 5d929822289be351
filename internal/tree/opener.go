package tree

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// opener opens directories of a tree by path, one component after the other
// and following no link, so that a link planted meanwhile cannot lead out of
// the tree. It keeps the directories on the way to the last one open. It is
// for one goroutine.
type opener struct {
	root  int // not owned
	names []string
	fds   []int
}

// dir returns the directory with the given path. It is valid until the next
// call.
func (o *opener) dir(path string) (int, error) {
	want := components(path)
	same := 0
	for same < len(want) && same < len(o.names) && want[same] == o.names[same] {
		same++
	}
	if err := o.shrink(same); err != nil {
		return -1, err
	}
	for _, name := range want[same:] {
		fd, err := openDir(o.last(), name)
		if err != nil {
			return -1, err
		}
		o.names = append(o.names, name)
		o.fds = append(o.fds, fd)
	}
	return o.last(), nil
}

// parent returns the directory that holds path, and path's name in it.
func (o *opener) parent(path string) (int, string, error) {
	dir, name := split(path)
	fd, err := o.dir(dir)
	return fd, name, err
}

func (o *opener) last() int {
	if len(o.fds) == 0 {
		return o.root
	}
	return o.fds[len(o.fds)-1]
}

func (o *opener) shrink(depth int) error {
	var errs []error
	for len(o.fds) > depth {
		errs = append(errs, unix.Close(o.last()))
		o.fds = o.fds[:len(o.fds)-1]
		o.names = o.names[:len(o.names)-1]
	}
	return errors.Join(errs...)
}

// forget closes everything: what was open may have been replaced.
func (o *opener) forget() error { return o.shrink(0) }

func components(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// split returns the path of the directory that holds path, and the name in it.
func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

func openDir(parent int, name string) (int, error) {
	return open(parent, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
}

// openFile opens a regular file for reading. It does not wait for the other
// end of a fifo that took the file's place.
func openFile(parent int, name string) (int, error) {
	fd, err := open(parent, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) { // only the owner may ask for O_NOATIME
		fd, err = open(parent, name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	}
	return fd, err
}

// open opens name in parent. It follows no link and enters no mount, also
// none that was planted since the entry was looked at.
func open(parent int, name string, flags int, mode uint32) (int, error) {
	flags |= unix.O_NOFOLLOW | unix.O_CLOEXEC
	how := unix.OpenHow{Flags: uint64(flags), Mode: uint64(mode), Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV}
	for {
		fd, err := unix.Openat2(parent, name, &how)
		if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // an old kernel, or a filter that does not know it
			fd, err = unix.Openat(parent, name, flags, mode)
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return -1, fmt.Errorf("open: %w", err)
		}
		return fd, nil
	}
}
