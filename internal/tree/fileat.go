package tree

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// fileAt reads and writes an open file. Unlike os.File it asks the kernel
// nothing else, which counts for files that are read with one call.
type fileAt int

// ReadAt reads until p is full or the file ends.
func (f fileAt) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		m, err := unix.Pread(int(f), p[n:], offset+int64(n))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return n, err
		case m == 0:
			return n, io.EOF
		}
		n += m
	}
	return n, nil
}

// WriteAt writes all of data.
func (f fileAt) WriteAt(data []byte, offset int64) (n int, err error) {
	for n < len(data) {
		m, err := unix.Pwrite(int(f), data[n:], offset+int64(n))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return n, err
		}
		n += max(m, 0)
	}
	return n, nil
}
