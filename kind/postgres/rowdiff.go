package postgres

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"dogear/kind"
)

// Rows come in no order, so two states of a table are compared as bags of
// digests, in as many passes as bounded memory needs.
const (
	rowsPerPass = 2_000_000
	// mostRows is how many rows that differ are looked at one by one.
	mostRows = 100_000
)

var literals = regexp.MustCompile(`'(?:[^']|'')*'`)

type rowDigest [12]byte

// compareRows explains how the rows of a relation differ.
func compareRows(ctx context.Context, before, after *side, was, is relation, how kind.Explaining) (kind.Explanation, error) {
	e := kind.Explanation{Fact: kind.Printable(was.fact())}
	switch {
	case !slices.Equal(was.Columns, is.Columns):
		e.Summary = "its columns are others"
		return e, nil
	case !was.hasRows(before) || !is.hasRows(after):
		e.Summary = "the rows of one side were not kept"
		return e, nil
	}
	passes := 1 + int((was.rows()+is.rows())/rowsPerPass)
	d := &rowDiff{relation: was, gone: make(map[rowDigest]int), come: make(map[rowDigest]int)}
	for pass := range passes {
		if err := d.pass(ctx, before, after, is, pass, passes); err != nil {
			return e, err
		}
	}
	if d.many {
		e.Summary = fmt.Sprintf("%s gone, %d new", counted(d.goneCount, "row"), d.comeCount)
		return e, nil
	}
	removed, err := d.collect(ctx, before, was, d.gone)
	if err != nil {
		return e, err
	}
	added, err := d.collect(ctx, after, is, d.come)
	if err != nil {
		return e, err
	}
	d.describe(&e, removed, added, how)
	return e, nil
}

// hasRows reports whether the rows can be read.
func (r relation) hasRows(s *side) bool {
	_, stored := s.state.Part.Object(r.Word + "/" + r.Name)
	return s.conn != nil || stored
}

// rows is how many rows the relation has, as its sum says.
func (r relation) rows() int64 {
	word, _, _ := strings.Cut(r.Sum, " ")
	n, _ := strconv.ParseInt(word, 10, 64) // 0 where it has none
	return n
}

// rowDiff finds the rows that only one side has.
type rowDiff struct {
	relation   relation
	gone, come map[rowDigest]int
	goneCount  int64
	comeCount  int64
	many       bool // too many to look at
}

func (d *rowDiff) pass(ctx context.Context, before, after *side, is relation, pass, passes int) error {
	count := make(map[rowDigest]int)
	tally := func(s *side, r relation, by int) error {
		return eachLine(s.rows(ctx, r), func(line []byte) error {
			digest := digestOf(line)
			if int(binary.BigEndian.Uint16(digest[:]))%passes != pass {
				return nil
			}
			if count[digest] += by; count[digest] == 0 {
				delete(count, digest)
			}
			return nil
		})
	}
	if err := tally(before, d.relation, 1); err != nil {
		return err
	}
	if err := tally(after, is, -1); err != nil {
		return err
	}
	for digest, n := range count {
		if n > 0 {
			d.gone[digest], d.goneCount = n, d.goneCount+int64(n)
		} else {
			d.come[digest], d.comeCount = -n, d.comeCount-int64(n)
		}
	}
	if d.goneCount+d.comeCount > mostRows {
		d.many = true
		clear(d.gone)
		clear(d.come)
	}
	return nil
}

func digestOf(line []byte) rowDigest {
	sum := sha256.Sum256(line)
	return rowDigest(sum[:len(rowDigest{})])
}

// collect reads the rows that were found.
func (d *rowDiff) collect(ctx context.Context, s *side, r relation, wanted map[rowDigest]int) ([][]*string, error) {
	var rows [][]*string
	if len(wanted) == 0 {
		return nil, nil
	}
	err := eachLine(s.rows(ctx, r), func(line []byte) error {
		digest := digestOf(line)
		if wanted[digest] > 0 {
			wanted[digest]--
			rows = append(rows, rowFields(line))
		}
		return nil
	})
	return rows, err
}

// describe matches rows by their key.
func (d *rowDiff) describe(e *kind.Explanation, removed, added [][]*string, how kind.Explaining) {
	byKey := make(map[string][]*string)
	for _, row := range added {
		byKey[d.key(row)] = row
	}
	var changed int
	var lines []string
	for _, row := range removed {
		key := d.key(row)
		other, both := byKey[key]
		if key == "" || !both {
			lines = append(lines, "- "+d.shown(row, how))
			continue
		}
		changed++
		delete(byKey, key)
		lines = append(lines, "~ "+key+": "+d.changes(row, other, how))
	}
	for _, row := range added {
		key := d.key(row)
		if _, still := byKey[key]; still || key == "" {
			lines = append(lines, "+ "+d.shown(row, how))
		}
	}
	e.Summary = fmt.Sprintf("%s added, %d removed, %d changed", counted(int64(len(added)-changed), "row"), len(removed)-changed, changed)
	if !how.Details {
		return
	}
	for _, line := range lines {
		addLine(e, line)
	}
}

// key shows the primary key of a row; "" without one.
func (d *rowDiff) key(row []*string) string {
	var parts []string
	for _, name := range d.relation.Key {
		i := slices.Index(d.relation.Columns, name)
		if i < 0 || i >= len(row) {
			return ""
		}
		parts = append(parts, name+"="+value(row[i]))
	}
	return strings.Join(parts, " ")
}

func value(v *string) string {
	if v == nil {
		return "NULL"
	}
	return kind.Printable(*v)
}

func (d *rowDiff) shown(row []*string, how kind.Explaining) string {
	key := d.key(row)
	var parts []string
	for i, name := range d.relation.Columns {
		if i < len(row) && !slices.Contains(d.relation.Key, name) {
			parts = append(parts, name+"="+redacted(row[i], how))
		}
	}
	if !how.Values && key != "" {
		return key
	}
	return strings.TrimSpace(key + " " + strings.Join(parts, " "))
}

func redacted(v *string, how kind.Explaining) string {
	if !how.Values {
		return "***"
	}
	return value(v)
}

func (d *rowDiff) changes(was, is []*string, how kind.Explaining) string {
	var parts []string
	for i, name := range d.relation.Columns {
		if i >= len(was) || i >= len(is) || value(was[i]) == value(is[i]) && (was[i] == nil) == (is[i] == nil) {
			continue
		}
		if how.Values {
			name += " " + value(was[i]) + " -> " + value(is[i])
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ", ")
}

// eachLine calls f for each line, without its end.
func eachLine(r io.ReadCloser, f func(line []byte) error) error {
	defer func() { _ = r.Close() }() // read only
	lines := bufio.NewReaderSize(r, 1<<18)
	for {
		line, err := lines.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return errCut
		case err != nil:
			return err
		}
		if err := f(line[:len(line)-1]); err != nil {
			return err
		}
	}
}
