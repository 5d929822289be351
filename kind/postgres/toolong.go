package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dogear/kind"
)

// A server writes no row that is longer than 1 GB as text: bytea of half of that,
// say. Nor does pg_dump get it. Such a row can be had with the server's files
// alone; it does not keep the rest from being captured.

// tooLong is the value of a table that has such a row. It begins as that of other
// tables that are not read.
const tooLong = "not digested: a row is too long for the server to write it as text"

// isUnread reports whether the value of a fact says nothing about the rows.
func isUnread(value string) bool { return strings.HasPrefix(value, "not digested: ") }

// isTooLong reports whether the server cannot write a row.
func isTooLong(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return false
	}
	return refused.Code == "54000" || // program_limit_exceeded
		refused.Code == "XX000" && strings.HasPrefix(refused.Message, "invalid memory alloc request size")
}

// beforeRows has transactions go on after a row that cannot be written.
func beforeRows(ctx context.Context, conns []*pgx.Conn) error {
	for _, conn := range conns {
		if _, err := conn.Exec(ctx, "savepoint before_rows"); err != nil {
			return wrap("begin to read", err)
		}
	}
	return nil
}

// leaveOut goes on without a relation.
func (s *sums) leaveOut(ctx context.Context, conn *pgx.Conn, r *relation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.without[r] = true
	_, err := conn.Exec(ctx, "rollback to before_rows")
	return err
}

// nameUnwritable says of which tables a capture has no rows. Without them a dump
// is not whole.
func (c *capture) nameUnwritable() {
	for _, r := range c.session.relations {
		if r.Sum != tooLong {
			continue
		}
		c.dump = false
		c.forget(r.object())
		c.gap("rows of "+r.fact()+", and with them the dump", "a row is longer than 1 GB as text, which the server cannot write; "+physical(c.item))
	}
}

// forget leaves out what was stored of an object.
func (c *capture) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var rest []stored
	for _, s := range c.stored {
		if s.Name != name {
			rest = append(rest, s)
		}
	}
	c.stored = rest
}

// anyUnread reports whether facts say nothing about some rows.
func anyUnread(facts []kind.Fact) bool {
	for _, f := range facts {
		if isUnread(f.Value) {
			return true
		}
	}
	return false
}
