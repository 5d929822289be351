package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math"
	"math/bits"
	"strings"
)

// tableSum is what is said of a table's rows: how many there are, and the sum
// of their digests modulo 2^256. A sum does not depend on the order, and two
// equal rows do not cancel each other out.
type tableSum struct {
	rows int64
	sum  [4]uint64 // the least significant first
}

func (t *tableSum) add(digest []byte) {
	t.rows++
	var carry uint64
	for i := range t.sum {
		word := binary.BigEndian.Uint64(digest[len(digest)-8*(i+1):])
		t.sum[i], carry = bits.Add64(t.sum[i], word, carry)
	}
}

// String returns "812 rows, 9c1e…".
func (t *tableSum) String() string {
	return fmt.Sprintf("%d rows, %016x%016x%016x%016x", t.rows, t.sum[3], t.sum[2], t.sum[1], t.sum[0])
}

// sumTable reads all rows of a table. Row ids that are no column are no
// content: VACUUM may change them.
func sumTable(ctx context.Context, db *sql.DB, table string) (_ *tableSum, err error) {
	names, err := columns(ctx, db, "main", table)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		// An expression has no declared type by which the driver would
		// convert the value; a bare column has.
		names[i] = "+" + quote(name)
	}
	rows, err := db.QueryContext(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+quote(table))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := newRowReader(len(names))
	t := &tableSum{}
	for rows.Next() {
		digest, err := r.digest(rows)
		if err != nil {
			return nil, err
		}
		t.add(digest)
	}
	return t, rows.Err()
}

// querier is a connection, or a transaction on one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// columns lists the columns that hold content: not the generated ones.
func columns(ctx context.Context, db querier, name, table string) (names []string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT name FROM pragma_table_info(?, ?)", table, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if len(names) == 0 && rows.Err() == nil {
		return nil, errors.New("it has no columns")
	}
	return names, rows.Err()
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// rowReader turns rows into digests.
type rowReader struct {
	values, targets []any
	hash            hash.Hash
	buf             []byte
}

func newRowReader(columns int) *rowReader {
	r := &rowReader{values: make([]any, columns), targets: make([]any, columns), hash: sha256.New()}
	for i := range r.values {
		r.targets[i] = &r.values[i]
	}
	return r
}

func (r *rowReader) digest(rows *sql.Rows) ([]byte, error) {
	if err := rows.Scan(r.targets...); err != nil {
		return nil, err
	}
	r.buf = r.buf[:0]
	for _, value := range r.values {
		if err := r.append(value); err != nil {
			return nil, err
		}
	}
	r.hash.Reset()
	r.hash.Write(r.buf)
	return r.hash.Sum(nil), nil
}

// append encodes a value by its storage class, so that 1, 1.0 and '1' differ.
func (r *rowReader) append(value any) error {
	switch v := value.(type) {
	case nil:
		r.buf = append(r.buf, 'n')
	case int64:
		r.buf = binary.BigEndian.AppendUint64(append(r.buf, 'i'), uint64(v))
	case float64:
		r.buf = binary.BigEndian.AppendUint64(append(r.buf, 'r'), math.Float64bits(v))
	case string:
		r.buf = binary.AppendUvarint(append(r.buf, 't'), uint64(len(v)))
		r.buf = append(r.buf, v...)
	case []byte:
		r.buf = binary.AppendUvarint(append(r.buf, 'b'), uint64(len(v)))
		r.buf = append(r.buf, v...)
	default:
		return fmt.Errorf("a value of type %T", value)
	}
	return nil
}
