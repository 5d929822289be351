package mysql

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
)

// The rows of a table are kept as lines of text: the values as the server
// writes them under fixed settings, in the bytes in which they are stored,
// separated by tabs. NULL is \N; a tab, a line feed and a backslash have a
// backslash before them (\t, \n, \\).

// copyRows writes the rows of a query in that form.
func copyRows(ctx context.Context, conn *sql.Conn, query string, w io.Writer) (err error) {
	found, err := conn.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	columns, err := found.Columns()
	if err != nil {
		return err
	}
	values, targets := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	var line []byte
	for found.Next() {
		if err := found.Scan(targets...); err != nil {
			return err
		}
		line = line[:0]
		for _, v := range values {
			line = append(appendValue(line, v), '\t')
		}
		line[len(line)-1] = '\n'
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return found.Err()
}

func appendValue(line, value []byte) []byte {
	if value == nil {
		return append(line, `\N`...)
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

// appendTuple turns a line into the values of an INSERT.
func appendTuple(statement, line []byte, columns []column) ([]byte, error) {
	statement = append(statement, '(')
	fields := bytes.Split(line, []byte{'\t'})
	if len(fields) != len(columns) {
		return nil, fmt.Errorf("a row has %d values, and its table has %d columns", len(fields), len(columns))
	}
	for i, field := range fields {
		if i > 0 {
			statement = append(statement, ',')
		}
		if bytes.Equal(field, []byte(`\N`)) {
			statement = append(statement, "NULL"...)
			continue
		}
		statement = append(statement, columns[i].literal()...)
		statement = appendQuoted(statement, field)
		statement = append(statement, '\'')
	}
	return append(statement, ')'), nil
}

// appendQuoted copies a value of a line, whose escapes mean the same in SQL.
func appendQuoted(statement, field []byte) []byte {
	for _, b := range field {
		switch b {
		case '\'':
			statement = append(statement, `\'`...)
		case 0:
			statement = append(statement, `\0`...)
		case '\r':
			statement = append(statement, `\r`...)
		case 0x1a:
			statement = append(statement, `\Z`...)
		default:
			statement = append(statement, b)
		}
	}
	return statement
}

// lines calls f for each line; the last has to be whole.
func lines(r io.Reader, f func(line []byte) error) error {
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
			return errors.New("the dump ends in the middle of a row")
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
