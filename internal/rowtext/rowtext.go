// Package rowtext is the text form in which rows are kept: a line for each row,
// its fields separated by tabs, \N for NULL. In a field a backslash stands
// before a backslash, and makes a tab (\t) or a line feed (\n) of what follows.
// What Postgres's COPY writes is in this form, and a few more letters follow a
// backslash there.
package rowtext

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// Null is the field that stands for NULL.
const Null = `\N`

// ErrCut says that a stream of rows is not whole.
var ErrCut = errors.New("the rows end in the middle of a row: they are not whole")

// Lines calls f for each line, without its end; the last has to be whole. The
// line is f's until it returns.
func Lines(r io.Reader, f func(line []byte) error) error {
	reader := bufio.NewReaderSize(r, 1<<18)
	var long []byte
	for {
		piece, err := reader.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, piece...)
			continue
		case errors.Is(err, io.EOF) && len(piece)+len(long) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return ErrCut
		case err != nil:
			return err
		}
		if len(long) > 0 {
			piece = append(long, piece...)
			long = piece[:0]
		}
		if err := f(piece[:len(piece)-1]); err != nil {
			return err
		}
	}
}

// Split returns the fields of a line, in fields if that is large enough.
func Split(fields [][]byte, line []byte) [][]byte {
	fields = fields[:0]
	for {
		i := bytes.IndexByte(line, '\t')
		if i < 0 {
			return append(fields, line)
		}
		fields, line = append(fields, line[:i]), line[i+1:]
	}
}

// Append appends a value to a line; nil is NULL.
func Append(line, value []byte) []byte {
	if value == nil {
		return append(line, Null...)
	}
	for {
		i := bytes.IndexAny(value, "\t\n\\")
		if i < 0 {
			return append(line, value...)
		}
		line = append(line, value[:i]...)
		switch value[i] {
		case '\t':
			line = append(line, `\t`...)
		case '\n':
			line = append(line, `\n`...)
		default:
			line = append(line, `\\`...)
		}
		value = value[i+1:]
	}
}

// Value is the reverse of Append, for a field that is not Null.
func Value(field []byte) string {
	if bytes.IndexByte(field, '\\') < 0 {
		return string(field)
	}
	out := make([]byte, 0, len(field))
	for i := 0; i < len(field); i++ {
		if field[i] != '\\' || i+1 == len(field) {
			out = append(out, field[i])
			continue
		}
		i++
		if j := strings.IndexByte("bfnrtv", field[i]); j >= 0 {
			out = append(out, "\b\f\n\r\t\v"[j])
			continue
		}
		out = append(out, field[i])
	}
	return string(out)
}
