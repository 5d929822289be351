package rdb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"strconv"
)

// crcTable is that of the Jones polynomial, the checksum of the format.
var crcTable = crc64.MakeTable(0x95ac9329ac4bc9b5)

// checksum continues a checksum. Unlike the library the format inverts
// neither its beginning nor its end.
func checksum(crc uint64, p []byte) uint64 { return ^crc64.Update(^crc, crcTable, p) }

// step bounds how much is read at once: a length that is damaged cannot ask
// for all memory.
const step = 1 << 20

// input reads the stream's elements.
type input struct {
	r    *bufio.Reader
	crc  uint64
	keep bool
	kept []byte // what was read since keep was set
	copy io.Writer
	// glance is where the beginning of a value goes; nil: nowhere.
	glance *glance
}

func (in *input) read(p []byte) error {
	if _, err := io.ReadFull(in.r, p); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // the end is marked, and was not read yet
		}
		return err
	}
	in.crc = checksum(in.crc, p)
	if in.keep {
		in.kept = append(in.kept, p...)
	}
	return in.write(p)
}

func (in *input) write(p []byte) error {
	if in.copy == nil {
		return nil
	}
	_, err := in.copy.Write(p)
	return err
}

func (in *input) byte() (byte, error) {
	var b [1]byte
	err := in.read(b[:])
	return b[0], err
}

func (in *input) uint32() (uint32, error) {
	var b [4]byte
	err := in.read(b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

func (in *input) uint64() (uint64, error) {
	var b [8]byte
	err := in.read(b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

func (in *input) bytes(n uint64) ([]byte, error) {
	var all []byte
	for n > 0 {
		piece := make([]byte, min(n, step))
		if err := in.read(piece); err != nil {
			return nil, err
		}
		if all == nil {
			all = piece
		} else {
			all = append(all, piece...)
		}
		n -= uint64(len(piece))
	}
	return all, nil
}

// Encodings of what stands in place of a length.
const (
	encInt8 = iota
	encInt16
	encInt32
	encCompressed
)

// length reads a length, or, if special, the encoding that takes its place.
func (in *input) length() (n uint64, special bool, err error) {
	first, err := in.byte()
	if err != nil {
		return 0, false, err
	}
	switch first >> 6 {
	case 0:
		return uint64(first & 0x3f), false, nil
	case 1:
		second, err := in.byte()
		return uint64(first&0x3f)<<8 | uint64(second), false, err
	case 3:
		return uint64(first & 0x3f), true, nil
	}
	var b [8]byte
	switch first {
	case 0x80:
		err = in.read(b[4:])
	case 0x81:
		err = in.read(b[:])
	default:
		err = fmt.Errorf("a length begins with byte %#x", first)
	}
	return binary.BigEndian.Uint64(b[:]), false, err
}

// number reads a length that cannot be special.
func (in *input) number() (uint64, error) {
	n, special, err := in.length()
	if err == nil && special {
		err = errors.New("an encoding stands where a number is due")
	}
	return n, err
}

// text reads a string.
func (in *input) text() ([]byte, error) {
	n, special, err := in.length()
	if err != nil {
		return nil, err
	}
	if special {
		return in.encoded(n)
	}
	return in.bytes(n)
}

// hashText reads a string into h, however long it is.
func (in *input) hashText(h hash.Hash) error {
	n, special, err := in.length()
	if err != nil {
		return err
	}
	if special {
		text, err := in.encoded(n)
		h.Write(text)
		in.see(text)
		return err
	}
	buf := make([]byte, min(n, step))
	for n > 0 {
		piece := buf[:min(n, step)]
		if err := in.read(piece); err != nil {
			return err
		}
		h.Write(piece)
		in.see(piece)
		n -= uint64(len(piece))
	}
	return nil
}

func (in *input) encoded(encoding uint64) ([]byte, error) {
	if encoding == encCompressed {
		return in.compressed()
	}
	if encoding > encInt32 {
		return nil, fmt.Errorf("a string has encoding %d", encoding)
	}
	var b [4]byte
	if err := in.read(b[:1<<encoding]); err != nil {
		return nil, err
	}
	n := int64(int8(b[0]))
	switch encoding {
	case encInt16:
		n = int64(int16(binary.LittleEndian.Uint16(b[:])))
	case encInt32:
		n = int64(int32(binary.LittleEndian.Uint32(b[:])))
	}
	return strconv.AppendInt(nil, n, 10), nil
}

func (in *input) compressed() ([]byte, error) {
	packed, err := in.number()
	if err != nil {
		return nil, err
	}
	plain, err := in.number()
	if err != nil {
		return nil, err
	}
	b, err := in.bytes(packed)
	if err != nil {
		return nil, err
	}
	return decompress(b, plain)
}

var errCompressed = errors.New("a compressed string is damaged")

// decompress undoes LZF. A byte of the input makes at most 264 of the output.
func decompress(in []byte, size uint64) ([]byte, error) {
	if size > uint64(len(in))*264 {
		return nil, errCompressed
	}
	out := make([]byte, 0, size)
	for len(in) > 0 {
		control := int(in[0])
		in = in[1:]
		if control < 32 {
			if control >= len(in) {
				return nil, errCompressed
			}
			out, in = append(out, in[:control+1]...), in[control+1:]
			continue
		}
		n := control >> 5
		if n == 7 && len(in) > 0 {
			n, in = n+int(in[0]), in[1:]
		}
		if len(in) == 0 {
			return nil, errCompressed
		}
		from := len(out) - (control&0x1f)<<8 - int(in[0]) - 1
		in = in[1:]
		if from < 0 {
			return nil, errCompressed
		}
		for i := range n + 2 { // it may overlap with what it makes
			out = append(out, out[from+i])
		}
	}
	if uint64(len(out)) != size {
		return nil, errCompressed
	}
	return out, nil
}
