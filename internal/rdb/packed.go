package rdb

import (
	"encoding/binary"
	"errors"
	"strconv"
)

var errPacked = errors.New("a packed list is damaged")

// listpack returns the elements of a listpack.
func listpack(b []byte) ([][]byte, error) {
	const header = 6
	if len(b) <= header || b[len(b)-1] != 0xff {
		return nil, errPacked
	}
	b = b[header : len(b)-1]
	var out [][]byte
	for len(b) > 0 {
		element, size := listpackElement(b)
		if size == 0 {
			return nil, errPacked
		}
		size += backLength(size)
		if size > len(b) {
			return nil, errPacked
		}
		out, b = append(out, element), b[size:]
	}
	return out, nil
}

// listpackElement returns the first element and how long it is, without the
// length that follows it; 0 if it is damaged.
func listpackElement(b []byte) ([]byte, int) {
	first := b[0]
	switch {
	case first < 0x80:
		return integer(int64(first)), 1
	case first < 0xc0:
		return slice(b, 1, int(first&0x3f))
	case first < 0xe0 && len(b) > 1:
		n := int64(first&0x1f)<<8 | int64(b[1])
		return integer(n << 51 >> 51), 2
	case first >= 0xe0 && first < 0xf0 && len(b) > 1:
		return slice(b, 2, int(first&0x0f)<<8|int(b[1]))
	case first == 0xf0 && len(b) > 4:
		return slice(b, 5, int(binary.LittleEndian.Uint32(b[1:])))
	}
	if size, ok := map[byte]int{0xf1: 2, 0xf2: 3, 0xf3: 4, 0xf4: 8}[first]; ok {
		return signed(b, 1, size)
	}
	return nil, 0
}

// backLength is the size of the length that follows an element.
func backLength(n int) int {
	size := 1
	for limit := 127; n > limit && size < 5; limit = limit<<7 | 127 {
		size++
	}
	return size
}

// ziplist returns the elements of a ziplist, what listpacks were before
// version 7.
func ziplist(b []byte) ([][]byte, error) {
	const header = 10
	if len(b) <= header || b[len(b)-1] != 0xff {
		return nil, errPacked
	}
	b = b[header : len(b)-1]
	var out [][]byte
	for len(b) > 0 {
		previous := 1
		if b[0] == 0xfe {
			previous = 5
		}
		if previous >= len(b) {
			return nil, errPacked
		}
		b = b[previous:]
		element, size := ziplistElement(b)
		if size == 0 || size > len(b) {
			return nil, errPacked
		}
		out, b = append(out, element), b[size:]
	}
	return out, nil
}

func ziplistElement(b []byte) ([]byte, int) {
	first := b[0]
	switch {
	case first < 0x40:
		return slice(b, 1, int(first))
	case first < 0x80 && len(b) > 1:
		return slice(b, 2, int(first&0x3f)<<8|int(b[1]))
	case first < 0xc0 && len(b) > 4:
		return slice(b, 5, int(binary.BigEndian.Uint32(b[1:])))
	case first > 0xf0 && first < 0xfe:
		return integer(int64(first&0x0f) - 1), 1
	}
	if size, ok := map[byte]int{0xc0: 2, 0xd0: 4, 0xe0: 8, 0xf0: 3, 0xfe: 1}[first]; ok {
		return signed(b, 1, size)
	}
	return nil, 0
}

// intset returns the elements of a set of integers.
func intset(b []byte) ([][]byte, error) {
	const header = 8
	if len(b) < header {
		return nil, errPacked
	}
	size := int(binary.LittleEndian.Uint32(b))
	count := int(binary.LittleEndian.Uint32(b[4:]))
	if size != 2 && size != 4 && size != 8 || len(b) != header+size*count {
		return nil, errPacked
	}
	out := make([][]byte, count)
	for i := range out {
		out[i], _ = signed(b, header+i*size, size)
	}
	return out, nil
}

func integer(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

// signed reads a little-endian integer of a size, after skip bytes.
func signed(b []byte, skip, size int) ([]byte, int) {
	if skip+size > len(b) {
		return nil, 0
	}
	var wide [8]byte
	copy(wide[8-size:], b[skip:skip+size])
	return integer(int64(binary.LittleEndian.Uint64(wide[:])) >> (64 - 8*size)), skip + size
}

func slice(b []byte, skip, size int) ([]byte, int) {
	if size < 0 || size > len(b)-skip {
		return nil, 0
	}
	return b[skip : skip+size], skip + size
}
