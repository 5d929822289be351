package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// count writes 1, 2, 3, … to Postgres, then to Redis, then to a file, and waits for each before the next. At any one
// point in time Postgres >= Redis >= file holds, and none is ahead of another by more than one: a copy in which
// that is not so was not taken at one point in time.
func count(ctx context.Context) error {
	c, err := openCounter(ctx)
	if err != nil {
		return err
	}
	defer c.close(ctx)
	n, err := c.last(ctx)
	if err != nil {
		return err
	}
	if err := c.report(n); err != nil {
		return err
	}
	// What Postgres has may have missed the other two when it was stopped: they catch up first, or they
	// would fall behind by two.
	if err := c.writeBehind(n); err != nil {
		return err
	}
	for ctx.Err() == nil {
		n++
		if err := c.write(ctx, n); err != nil {
			return err
		}
		time.Sleep(time.Millisecond) // leaves the machine's cores to whoever looks on
	}
	return nil
}

type counter struct {
	postgres *pgx.Conn
	redis    *redisConn
	file     *os.File
}

func openCounter(ctx context.Context) (*counter, error) {
	postgres, err := dialPostgres(ctx)
	if err != nil {
		return nil, err
	}
	redis, err := dialRedis()
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(os.Getenv("COUNTER_FILE"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	_, err = postgres.Exec(ctx, `create table if not exists counter (n bigint primary key, written_at timestamptz not null default clock_timestamp())`)
	return &counter{postgres: postgres, redis: redis, file: file}, err
}

func (c *counter) last(ctx context.Context) (int64, error) {
	var n int64
	err := c.postgres.QueryRow(ctx, `select coalesce(max(n), 0) from counter`).Scan(&n)
	return n, err
}

// report prints what all three hold before anything is written: a test compares them after a restore, when it could
// not look before this program goes on counting.
func (c *counter) report(postgres int64) error {
	redis, err := c.redis.Do("GET", "counter")
	if err != nil {
		return err
	}
	digits := make([]byte, 12)
	if _, err := c.file.ReadAt(digits, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	fmt.Printf("found %d %d %d\n", postgres, number(redis), number(string(digits)))
	return nil
}

// number reads what write has written; nothing yet is 0.
func number(text string) int64 {
	n, _ := strconv.ParseInt(strings.Trim(text, "\x00\n"), 10, 64)
	return n
}

func (c *counter) write(ctx context.Context, n int64) error {
	if _, err := c.postgres.Exec(ctx, `insert into counter (n) values ($1)`, n); err != nil {
		return err
	}
	return c.writeBehind(n)
}

func (c *counter) writeBehind(n int64) error {
	if _, err := c.redis.Do("SET", "counter", fmt.Sprint(n)); err != nil {
		return err
	}
	// One write of a fixed size: no reader ever sees half a number.
	_, err := c.file.WriteAt(fmt.Appendf(nil, "%012d\n", n), 0)
	return err
}

func (c *counter) close(ctx context.Context) {
	_ = c.postgres.Close(ctx)
	_ = c.redis.Close()
	_ = c.file.Close()
}
