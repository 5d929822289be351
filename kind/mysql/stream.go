package mysql

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"dogear/internal/rowtext"
)

// The rows of a table are kept in the form of package rowtext: the values as
// the server writes them under fixed settings, in the bytes in which they are
// stored.

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
			line = append(rowtext.Append(line, v), '\t')
		}
		line[len(line)-1] = '\n'
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return found.Err()
}

// appendTuple turns a line into the values of an INSERT.
func appendTuple(statement, line []byte, columns []column) ([]byte, error) {
	statement = append(statement, '(')
	fields := bytes.Split(line, []byte{'\t'})
	if len(fields) != len(columns) {
		return nil, errFields(len(fields), len(columns))
	}
	for i, field := range fields {
		if i > 0 {
			statement = append(statement, ',')
		}
		statement = appendValue(statement, field, columns[i])
	}
	return append(statement, ')'), nil
}

// beside is how long a value of a large row is at least that does not stand in
// the statement.
const beside = 1 << 10

// appendLarge is appendTuple for a row whose long values are given beside the
// statement: in it they would be longer than they are, by what is escaped, and
// the server takes so much at a time only (max_allowed_packet).
func appendLarge(statement, line []byte, columns []column) (_ []byte, values []any, err error) {
	statement = append(statement, '(')
	fields := bytes.Split(line, []byte{'\t'})
	if len(fields) != len(columns) {
		return nil, nil, errFields(len(fields), len(columns))
	}
	for i, field := range fields {
		if i > 0 {
			statement = append(statement, ',')
		}
		if len(field) < beside {
			statement = appendValue(statement, field, columns[i])
			continue
		}
		statement = append(statement, "CAST(? AS BINARY)"...)
		values = append(values, []byte(rowtext.Value(field)))
	}
	return append(statement, ')'), values, nil
}

func errFields(have, want int) error {
	return fmt.Errorf("a row has %d values, and its table has %d columns", have, want)
}

// appendValue turns a field into a value in SQL.
func appendValue(statement, field []byte, c column) []byte {
	if bytes.Equal(field, []byte(rowtext.Null)) {
		return append(statement, "NULL"...)
	}
	statement = append(statement, c.literal()...)
	return append(appendQuoted(statement, field), '\'')
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
