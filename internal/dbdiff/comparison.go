package dbdiff

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"dogear/internal/rowtext"
)

// limits bound the memory that a comparison takes.
type limits struct {
	perPass int64 // how many rows are counted at once
	most    int64 // how many rows that differ are looked at one by one
	room    int   // how many bytes of those are kept
}

// mostAtOnce is how many rows of one state are counted at once if the other
// cannot be read again.
const mostAtOnce = 2_000_000

var defaults = limits{perPass: 1_000_000, most: 100_000, room: 64 << 20}

// rowDigest stands for a row.
type rowDigest [12]byte

// side is a state, and what of its lines is compared.
type side struct {
	State
	pick []int
}

// comparison finds the rows that only one side has.
type comparison struct {
	form
	limits
	before, after side

	gone           map[rowDigest]int // rows that are to be found before
	removed, added []row
	goneCount      int64
	comeCount      int64
	many           bool // too many to look at
}

func (c *comparison) run(ctx context.Context) error {
	c.gone = make(map[rowDigest]int)
	parts, err := c.divide(ctx)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := c.pass(ctx, part); err != nil {
			return err
		}
	}
	if c.many || len(c.gone) == 0 {
		return nil
	}
	return c.before.each(ctx, func(l line, digest rowDigest) error {
		if c.gone[digest] > 0 {
			c.gone[digest]--
			c.removed = append(c.removed, c.row(l))
		}
		return nil
	})
}

// inPart reports whether a pass counts a row.
type inPart func(rowDigest) bool

func whole(rowDigest) bool { return true }

// buckets is into how many parts the rows of a large table are divided to find
// out which of them are the same.
const buckets = 1 << 16

func (d rowDigest) bucket() int { return int(binary.BigEndian.Uint16(d[:])) }

// divide says which rows are counted in each pass.
func (c *comparison) divide(ctx context.Context) ([]inPart, error) {
	if c.after.Once || c.before.Rows+c.after.Rows <= c.perPass {
		return []inPart{whole}, nil
	}
	var sums, rows [buckets]uint64
	tally := func(s side, add func(bucket int, digest uint64)) error {
		return s.each(ctx, func(_ line, d rowDigest) error {
			rows[d.bucket()]++
			add(d.bucket(), binary.BigEndian.Uint64(d[4:]))
			return nil
		})
	}
	if err := tally(c.before, func(bucket int, digest uint64) { sums[bucket] += digest }); err != nil {
		return nil, err
	}
	if err := tally(c.after, func(bucket int, digest uint64) { sums[bucket] -= digest }); err != nil {
		return nil, err
	}
	return parts(&sums, &rows, uint64(c.perPass)), nil
}

// parts gathers the buckets that differ into passes.
func parts(sums, rows *[buckets]uint64, perPass uint64) []inPart {
	var inPass [buckets]int // 0: in none
	pass, left := 0, uint64(0)
	for bucket, sum := range sums {
		if sum == 0 {
			continue
		}
		if pass == 0 || rows[bucket] > left {
			pass, left = pass+1, perPass
		}
		inPass[bucket] = pass
		left -= min(left, rows[bucket])
	}
	var all []inPart
	for p := 1; p <= pass; p++ {
		all = append(all, func(d rowDigest) bool { return inPass[d.bucket()] == p })
	}
	return all
}

// pass counts some of the rows. Those that only the second side has are
// collected as they come by.
func (c *comparison) pass(ctx context.Context, counts inPart) error {
	count := make(map[rowDigest]int)
	err := c.before.each(ctx, func(_ line, digest rowDigest) error {
		if counts(digest) {
			count[digest]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = c.after.each(ctx, func(l line, digest rowDigest) error {
		n := count[digest]
		switch {
		case !counts(digest):
		case n > 1:
			count[digest]--
		case n == 1:
			delete(count, digest)
		default:
			c.come(l)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for digest, n := range count {
		c.goneCount += int64(n)
		if !c.many {
			c.gone[digest] = n
		}
	}
	c.giveUpIfMany()
	return nil
}

func (c *comparison) come(l line) {
	c.comeCount++
	if !c.many {
		c.added = append(c.added, c.row(l))
	}
	c.giveUpIfMany()
}

func (c *comparison) giveUpIfMany() {
	if c.goneCount+c.comeCount > c.most && !c.many {
		c.many, c.added = true, nil
		clear(c.gone)
	}
}

// line is a row: what is compared of it, fields that are separated by tabs, and
// the handle that stood before that.
type line struct{ handle, content []byte }

// each calls f for each row, with what stands for it. The line is f's until it
// returns.
func (s side) each(ctx context.Context, f func(line, rowDigest) error) error {
	var content []byte
	var fields [][]byte
	lines := s.Lines(ctx)
	defer func() { _ = lines.Close() }() // read only
	return rowtext.Lines(lines, func(text []byte) error {
		if s.pick == nil {
			return f(line{content: text}, digestOf(text))
		}
		fields = append(fields[:0], text) // a table without columns has none
		if len(s.pick) > 0 {
			fields = rowtext.Split(fields, text)
		}
		content = content[:0]
		for i, n := range s.pick {
			if n >= len(fields) {
				return errFields
			}
			if i > 0 {
				content = append(content, '\t')
			}
			content = append(content, fields[n]...)
		}
		return f(line{fields[0], content}, digestOf(content))
	})
}

var errFields = errors.New("a row has fewer fields than its table has columns")

func digestOf(text []byte) rowDigest {
	sum := sha256.Sum256(text)
	return rowDigest(sum[:len(rowDigest{})])
}
