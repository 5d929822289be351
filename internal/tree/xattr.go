package tree

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// at is a path for those system calls that know no directory descriptors. The
// directory is pinned by its descriptor, and the calls follow no link in the
// last component.
func at(dir int, name string) string {
	return "/proc/self/fd/" + strconv.Itoa(dir) + "/" + name
}

// isKept reports whether an extended attribute belongs to the tree. The
// bookkeeping of overlayfs names inodes of this machine; labels of security
// modules are a matter of the machine's policy.
func isKept(name string) bool {
	for _, prefix := range []string{"trusted.overlay.", "user.overlay."} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return !slices.Contains([]string{"origin", "impure", "nlink", "uuid"}, rest)
		}
	}
	return strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.") ||
		name == "security.capability" ||
		name == "system.posix_acl_access" || name == "system.posix_acl_default"
}

// attributes reads the extended attributes of one entry.
type attributes struct {
	list func(buf []byte) (int, error)
	get  func(name string, buf []byte) (int, error)
}

// xattrsOf returns the extended attributes of name in dir, sorted by name.
func xattrsOf(dir int, name string) ([]Xattr, error) {
	path := at(dir, name)
	return attributes{
		list: func(buf []byte) (int, error) { return unix.Llistxattr(path, buf) },
		get:  func(name string, buf []byte) (int, error) { return unix.Lgetxattr(path, name, buf) },
	}.read()
}

// xattrsOfFile returns the extended attributes of an open file.
func xattrsOfFile(fd int) ([]Xattr, error) {
	return attributes{
		list: func(buf []byte) (int, error) { return unix.Flistxattr(fd, buf) },
		get:  func(name string, buf []byte) (int, error) { return unix.Fgetxattr(fd, name, buf) },
	}.read()
}

func (a attributes) read() ([]Xattr, error) {
	names, err := a.names()
	if err != nil {
		return nil, err
	}
	var xattrs []Xattr
	for _, n := range names {
		value, err := grow(func(buf []byte) (int, error) { return a.get(n, buf) })
		if errors.Is(err, unix.ENODATA) {
			continue // removed since it was listed
		}
		if err != nil {
			return nil, fmt.Errorf("read attribute %s: %w", n, err)
		}
		xattrs = append(xattrs, Xattr{Name: n, Value: value})
	}
	return xattrs, nil
}

// names returns the names of those attributes that belong to the tree.
func (a attributes) names() ([]string, error) {
	if n, err := a.list(nil); err == nil && n == 0 { // as most entries
		return nil, nil
	}
	list, err := grow(a.list)
	if errors.Is(err, unix.ENOTSUP) || (err == nil && len(list) == 0) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list attributes: %w", err)
	}
	var names []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		if isKept(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// grow calls read with a buffer that is large enough for its answer.
func grow(read func(buf []byte) (int, error)) ([]byte, error) {
	buf := make([]byte, 256)
	for {
		n, err := read(buf)
		if err == nil {
			return buf[:n:n], nil
		}
		if !errors.Is(err, unix.ERANGE) {
			return nil, err
		}
		n, err = read(nil)
		if err != nil {
			return nil, err
		}
		buf = make([]byte, max(2*len(buf), n))
	}
}
