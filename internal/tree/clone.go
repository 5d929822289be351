package tree

import (
	"os"

	"golang.org/x/sys/unix"
)

// clones is a file beside the tree that shares its blocks with files of the
// tree (reflink). It has no name, and no directory changes for it.
type clones struct {
	root int // of the tree
	file *os.File
	off  bool // it was tried, and is not possible here
	size int64
}

// cloneFrom is the size from which a file is cloned. The file system writes
// its dirty pages out first, which takes longer than to copy a small one.
const cloneFrom = 4 << 20

// cloneAlign is a multiple of the block size of any file system that clones.
const cloneAlign = 64 << 10

// add clones a file, or returns nil: then it has to be copied.
func (c *clones) add(fd int, size int64) *spilled {
	if size < cloneFrom || c.off {
		return nil
	}
	if c.file == nil && !c.open() {
		c.off = true
		return nil
	}
	all := unix.FileCloneRange{Src_fd: int64(fd), Dest_offset: uint64(c.size)} // up to its end
	if err := unix.IoctlFileCloneRange(int(c.file.Fd()), &all); err != nil {
		c.off = c.size == 0 // the first one: there is no reason to try the next
		return nil
	}
	piece := &spilled{in: c.file, offset: c.size}
	end, err := c.file.Seek(0, 2)
	if err != nil {
		c.off = true
		return piece
	}
	c.size = parts(end, cloneAlign) * cloneAlign
	return piece
}

func (c *clones) open() bool {
	fd, err := unix.Openat(c.root, ".", unix.O_TMPFILE|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return false
	}
	c.file = os.NewFile(uintptr(fd), "clones")
	return true
}

func (c *clones) close() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}
