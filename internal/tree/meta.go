package tree

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// handle holds one entry, whatever its type, without opening it, so that all
// changes go to the same one.
type handle struct {
	fd     int
	opened bool // for writing, not only held
	state  stamp
}

func openHandle(dir int, name string, want Type) (*handle, error) {
	fd, err := open(dir, name, unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	h := &handle{fd: fd}
	h.state, _, err = status(fd, "")
	if err == nil && h.state.kind() != want {
		err = fmt.Errorf("it is a %s now, and should be a %s", h.state.kind(), want)
	}
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *handle) close() error { return unix.Close(h.fd) }

// path leads to the entry itself, also if that is a symbolic link.
func (h *handle) path() string { return fdPath(h.fd) }

func fdPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// setMeta gives an entry the wanted attributes: owner, mode, extended
// attributes, times. A change of owner drops setuid and capabilities, one of
// the mode changes the mask of an ACL, so the order matters.
func setMeta(dir int, name string, want *Entry) (err error) {
	h, err := openHandle(dir, name, want.Type)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	have, err := xattrsOf(dir, name)
	if err != nil {
		return err
	}
	return h.give(have, want)
}

// give is setMeta for an entry that has certain extended attributes.
func (h *handle) give(have []Xattr, want *Entry) error {
	if err := h.unset(have, want.Xattrs); err != nil {
		return err
	}
	if err := h.chown(want); err != nil {
		return err
	}
	if err := h.setUser(have, want); err != nil {
		return err
	}
	if want.Type != Symlink { // it has no mode of its own
		if err := h.chmod(want.Mode); err != nil {
			return err
		}
	}
	for _, x := range want.Xattrs {
		if !isUser(x) {
			if err := h.set(x); err != nil {
				return err
			}
		}
	}
	return h.touch(want.Sec, want.Nsec)
}

func isUser(x Xattr) bool { return strings.HasPrefix(x.Name, "user.") }

// unset removes extended attributes that are not wanted.
func (h *handle) unset(have, want []Xattr) error {
	for _, x := range have {
		if _, ok := find(want, x.Name); ok {
			continue
		}
		if isUser(x) {
			if err := h.writable(); err != nil {
				return err
			}
		}
		if err := unix.Removexattr(h.path(), x.Name); err != nil && !errors.Is(err, unix.ENODATA) {
			return fmt.Errorf("remove attribute %s: %w", x.Name, err)
		}
	}
	return nil
}

// setUser sets attributes in the user's namespace, before the mode: they
// cannot be set on what is read-only.
func (h *handle) setUser(have []Xattr, want *Entry) error {
	for _, x := range want.Xattrs {
		if !isUser(x) {
			continue
		}
		if old, ok := find(have, x.Name); ok && bytes.Equal(old.Value, x.Value) {
			continue
		}
		if err := h.writable(); err != nil {
			return err
		}
		if err := h.set(x); err != nil {
			return err
		}
	}
	return nil
}

// writable makes the entry writable for its owner, until its mode is set.
func (h *handle) writable() error {
	if h.state.mode&0o200 != 0 {
		return nil
	}
	h.state.mode |= 0o200
	return h.chmod(h.state.mode & 07777)
}

func find(xattrs []Xattr, name string) (Xattr, bool) {
	for _, x := range xattrs {
		if x.Name == name {
			return x, true
		}
	}
	return Xattr{}, false
}

func (h *handle) set(x Xattr) error {
	if err := unix.Setxattr(h.path(), x.Name, x.Value, 0); err != nil {
		return fmt.Errorf("set attribute %s: %w", x.Name, err)
	}
	return nil
}

func (h *handle) chown(want *Entry) error {
	if h.state.uid == want.UID && h.state.gid == want.GID {
		return nil
	}
	if err := unix.Fchownat(h.fd, "", int(want.UID), int(want.GID), unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("set owner: %w", err)
	}
	return nil
}

func (h *handle) chmod(mode uint32) (err error) {
	if h.opened {
		err = unix.Fchmod(h.fd, mode)
	} else {
		err = unix.Chmod(h.path(), mode)
	}
	if err != nil {
		return fmt.Errorf("set mode: %w", err)
	}
	return nil
}

// touch sets the modification time, and leaves the access time alone.
func (h *handle) touch(sec, nsec int64) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: sec, Nsec: nsec}}
	if err := unix.UtimesNanoAt(h.fd, "", times, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("set times: %w", err)
	}
	return nil
}
