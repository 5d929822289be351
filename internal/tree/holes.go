package tree

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"golang.org/x/sys/unix"
)

// holesOf returns the holes of a file.
func holesOf(fd int, size int64) ([]Extent, error) {
	var holes []Extent
	for at := int64(0); at < size; {
		data, err := unix.Seek(fd, at, unix.SEEK_DATA)
		switch {
		case errors.Is(err, unix.ENXIO): // none up to the end
			data = size
		case errors.Is(err, unix.EINVAL): // the file system knows no holes
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("find data: %w", err)
		}
		data = min(data, size)
		if data > at {
			holes = append(holes, Extent{Offset: at, Length: data - at})
		}
		if data == size {
			break
		}
		if at, err = unix.Seek(fd, data, unix.SEEK_HOLE); err != nil {
			return nil, fmt.Errorf("find hole: %w", err)
		}
	}
	return holes, nil
}

// dataExtents returns what is between the holes.
func dataExtents(size int64, holes []Extent) []Extent {
	var data []Extent
	at := int64(0)
	for _, h := range append(holes[:len(holes):len(holes)], Extent{Offset: size}) {
		if h.Offset > at {
			data = append(data, Extent{Offset: at, Length: h.Offset - at})
		}
		at = h.Offset + h.Length
	}
	return data
}

// dataOf reads the content of a file without its holes.
func dataOf(f io.ReaderAt, size int64, holes []Extent) io.Reader {
	var parts []io.Reader
	for _, x := range dataExtents(size, holes) {
		parts = append(parts, io.NewSectionReader(f, x.Offset, x.Length))
	}
	return io.MultiReader(parts...)
}

// digest computes the SHA-256 of a file from its data, filling in the holes.
type digest struct {
	hash  hash.Hash
	data  []Extent // still to come, the first may have begun
	at    int64
	size  int64
	zeros []byte
}

func newDigest(size int64, holes []Extent) *digest {
	return &digest{hash: sha256.New(), data: dataExtents(size, holes), size: size}
}

// Write takes the next bytes of data.
func (d *digest) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if len(d.data) == 0 {
			return 0, errors.New("more data than the file has room for")
		}
		x := &d.data[0]
		d.skipTo(x.Offset)
		n := min(int64(len(rest)), x.Length)
		d.hash.Write(rest[:n])
		rest = rest[n:]
		d.at += n
		x.Offset += n
		x.Length -= n
		if x.Length == 0 {
			d.data = d.data[1:]
		}
	}
	return len(p), nil
}

func (d *digest) skipTo(offset int64) {
	if d.at < offset && d.zeros == nil {
		d.zeros = make([]byte, 64<<10)
	}
	for d.at < offset {
		n := min(offset-d.at, int64(len(d.zeros)))
		d.hash.Write(d.zeros[:n])
		d.at += n
	}
}

// finish returns the digest. Holes at the end are filled in; data that is
// missing (the file was cut off meanwhile) counts as not there.
func (d *digest) finish() [32]byte {
	if len(d.data) == 0 {
		d.skipTo(d.size)
	}
	return [32]byte(d.hash.Sum(nil))
}
