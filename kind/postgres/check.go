package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"dogear/internal/rowsum"
)

// check compares tables with the dump while they are being loaded: of a large
// one what is in place is read back while more of it comes.
type check struct {
	target *inventory
	queue  chan stretch
	sums   sums
}

// waiting is how many stretches may wait for being read.
const waiting = 64

func newCheck(target *inventory) *check {
	return &check{target: target, queue: make(chan stretch, waiting), sums: sums{of: make(map[*relation]*rowsum.Sum)}}
}

// upTo has the pages of a table read that are full, and returns those that come
// after them. Without ranges of pages the table is read at the end.
func (c *check) upTo(ctx context.Context, conn *pgx.Conn, next stretch) (stretch, error) {
	if len(next.of.Columns) == 0 {
		return next, nil
	}
	var version, pages int64
	err := conn.QueryRow(ctx, `select current_setting('server_version_num')::bigint,
       pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint`, next.of.Name).Scan(&version, &pages)
	full := pages - 1 // the last one may take more rows
	if err != nil || version < tidRanges || full <= next.from {
		return next, wrap("ask for its size", err)
	}
	next.to = full
	return stretch{of: next.of, from: full}, c.add(ctx, next)
}

// add has a stretch read whose rows are all there.
func (c *check) add(ctx context.Context, t stretch) error {
	select {
	case c.queue <- t:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *check) noMore() { close(c.queue) }

// run reads what is added until there is no more.
func (c *check) run(ctx context.Context, conn *pgx.Conn) error {
	for {
		select {
		case t, more := <-c.queue:
			if !more {
				return nil
			}
			if err := c.sums.read(ctx, conn, t, discard); err != nil {
				return fmt.Errorf("read back %s: %w", t.of.fact(), err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// found returns the sums of what was loaded, by the relation's name.
func (c *check) found() map[string]string {
	all := make(map[string]string)
	for r, sum := range c.sums.of {
		all[r.Name] = sum.String()
	}
	return all
}

// rowReader gives the rows of a table out in parts. Each row is a line, as in
// the text form of COPY.
type rowReader struct{ lines *bufio.Reader }

func newRowReader(r io.Reader) *rowReader { return &rowReader{bufio.NewReaderSize(r, 1<<18)} }

// more reports whether there are rows left, or an error to be read.
func (r *rowReader) more() bool {
	_, err := r.lines.Peek(1)
	return !errors.Is(err, io.EOF)
}

// some returns the next rows: so many bytes, and the rest of the row that they
// end in.
func (r *rowReader) some(bytes int64) io.Reader { return &someRows{lines: r.lines, left: bytes} }

type someRows struct {
	lines *bufio.Reader
	left  int64
	line  []byte // to come
	ended bool   // with line
	err   error  // after line
}

func (s *someRows) Read(p []byte) (int, error) {
	if s.left > 0 {
		n, err := s.lines.Read(p[:min(int64(len(p)), s.left)])
		s.left -= int64(n)
		s.ended = n > 0 && p[n-1] == '\n'
		return n, err
	}
	for len(s.line) == 0 {
		switch {
		case s.err != nil:
			return 0, s.err
		case s.ended:
			return 0, io.EOF
		}
		s.line, s.err = s.lines.ReadSlice('\n')
		s.ended = s.err == nil
		if errors.Is(s.err, bufio.ErrBufferFull) {
			s.err = nil
		}
	}
	n := copy(p, s.line)
	s.line = s.line[n:]
	return n, nil
}
