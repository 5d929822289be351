package dbdiff

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"

	"dogear/internal/rowtext"
	"dogear/kind"
)

// form is how rows are read and shown.
type form struct {
	Table
	columns []string // that are compared
	how     kind.Explaining
}

// shows reports whether the values of a column are shown.
func (f form) shows(column string) bool { return f.how.Values || slices.Contains(f.Open, column) }

// row is a row that only one side has.
type row struct {
	key    string    // what it is known by, as it is shown; "": nothing
	id     rowDigest // stands for the key
	order  []string  // the values of the key
	fields []field   // nil if they are not wanted, or too much
}

// field is a value. Its text is there only if it is to be shown.
type field struct {
	sum  [16]byte
	text string
}

// longest is how much of a value is shown.
const longest = 200

// row keeps of a line what is needed to explain it.
func (c *comparison) row(l line) row {
	fields := rowtext.Split(nil, l.content)
	r := c.keyed(l, fields)
	size := len(r.key)
	if c.how.Details && c.room > 0 {
		for i, f := range fields[:min(len(fields), len(c.columns))] {
			kept := field{sum: [16]byte(digestOfField(f))}
			if c.shows(c.columns[i]) {
				kept.text = text(f)
			}
			r.fields, size = append(r.fields, kept), size+len(kept.text)+32
		}
		if r.fields == nil {
			r.fields = []field{}
		}
	}
	c.room -= size
	return r
}

// keyed returns a row of which no more than the key is known.
func (c *comparison) keyed(l line, fields [][]byte) row {
	r := row{}
	var all []byte
	add := func(name string, value []byte) {
		all = append(append(all, value...), '\t')
		r.order = append(r.order, text(value))
		r.key = strings.TrimSpace(r.key + " " + kind.Printable(name) + "=" + text(value))
	}
	if c.Handle != "" {
		add(c.Handle, l.handle)
	}
	for _, name := range c.Key {
		add(name, fields[slices.Index(c.columns, name)])
	}
	r.id = digestOf(all)
	return r
}

func digestOfField(f []byte) []byte {
	sum := sha256.Sum256(f)
	return sum[:16]
}

// text shows a field.
func text(f []byte) string {
	if string(f) == rowtext.Null {
		return "NULL"
	}
	value, more := f, ""
	if len(value) > longest {
		value, more = bytes.TrimSuffix(value[:longest], []byte{'\\'}), "…"
	}
	return kind.Printable(rowtext.Value(value)) + more
}

// compare orders rows by their keys: numbers as numbers.
func (r row) compare(other row) int {
	return slices.CompareFunc(r.order, other.order, func(a, b string) int {
		if isNumber(a) && isNumber(b) {
			return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
		}
		return cmp.Compare(a, b)
	})
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
