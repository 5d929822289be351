package tree

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// stamp is what the kernel says about an entry without opening it. An entry
// with an equal stamp is unchanged, if the stamp was settled.
type stamp struct {
	dev, ino     uint64
	mode         uint32 // type and permissions
	uid, gid     uint32
	nlink        uint32
	size         int64
	rdev         uint64
	mtime, ctime instant
}

type instant struct{ sec, nsec int64 }

func (i instant) time() time.Time { return time.Unix(i.sec, i.nsec) }

// inode identifies a file among all links to it.
type inode struct{ dev, ino uint64 }

func (s stamp) inode() inode { return inode{s.dev, s.ino} }

// linked reports whether the file may have a second name.
func (s stamp) linked() bool { return s.nlink > 1 && s.kind() != Folder }

func (s stamp) kind() Type {
	switch s.mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return Folder
	case unix.S_IFLNK:
		return Symlink
	case unix.S_IFIFO:
		return Fifo
	case unix.S_IFSOCK:
		return Socket
	case unix.S_IFCHR:
		return CharDev
	case unix.S_IFBLK:
		return BlockDev
	}
	return Regular
}

// entry returns the part of an entry that its stamp tells.
func (s stamp) entry(path string) Entry {
	e := Entry{Path: path, Type: s.kind(), Mode: s.mode & 07777, UID: s.uid, GID: s.gid, Sec: s.mtime.sec, Nsec: s.mtime.nsec}
	switch e.Type {
	case Regular:
		e.Size = s.size
	case CharDev, BlockDev:
		e.Device = s.rdev
	}
	return e
}

// The kernel stamps files with a clock that moves once per tick (10 ms at
// most), so two writes within one tick can leave the same stamp. Some file
// systems keep whole seconds only, or two.
const (
	tick       = 11 * time.Millisecond
	coarseTick = 2 * time.Second
)

// settles returns the time after which a change can no longer hide behind the
// stamp: it would get another ctime. This is git's racy-clean rule.
func (s stamp) settles() time.Time {
	if s.ctime.nsec == 0 {
		return s.ctime.time().Add(coarseTick)
	}
	return s.ctime.time().Add(tick)
}

// status returns the stamp of name in dir, and whether something is mounted
// there. It follows no link and triggers no automount. An empty name means
// dir itself.
func status(dir int, name string) (stamp, bool, error) {
	var st unix.Statx_t
	if err := statx(dir, name, &st); err != nil {
		return stamp{}, false, err
	}
	return stampOf(&st), isMount(&st), nil
}

func statx(dir int, name string, st *unix.Statx_t) error {
	flags := unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	if err := unix.Statx(dir, name, flags, unix.STATX_BASIC_STATS, st); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	return nil
}

func stampOf(st *unix.Statx_t) stamp {
	return stamp{
		dev: unix.Mkdev(st.Dev_major, st.Dev_minor), ino: st.Ino,
		mode: uint32(st.Mode), uid: st.Uid, gid: st.Gid, nlink: st.Nlink,
		size:  int64(st.Size),
		rdev:  unix.Mkdev(st.Rdev_major, st.Rdev_minor),
		mtime: instant{st.Mtime.Sec, int64(st.Mtime.Nsec)},
		ctime: instant{st.Ctime.Sec, int64(st.Ctime.Nsec)},
	}
}

func isMount(st *unix.Statx_t) bool { return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 }

// isSparse reports whether a file may have holes: it has fewer blocks than its
// size needs.
func isSparse(st *unix.Statx_t) bool { return st.Blocks*512 < st.Size }
