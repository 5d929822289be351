package postgres

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"

	"dogear/internal/content"
	"dogear/kind"
)

// wantsDump decides by the user's wish and the size whether the item is
// dumped, and says so if it is not.
func (c *capture) wantsDump() bool {
	if c.database() == "" {
		return c.ws.Dumps != "never"
	}
	gigabytes := float64(c.session.size) / (1 << 30)
	switch {
	case c.ws.Dumps == "never":
		c.gap("dump", "not wanted (--dumps never); "+physical(c.item))
		return false
	case c.ws.Dumps != "always" && !c.session.isSmall():
		c.gap("dump and digests of rows", fmt.Sprintf("%.0f GB, %s; --dumps always takes the dump", gigabytes, physical(c.item)))
		return false
	}
	return true
}

// physical says what there is instead of a dump.
func physical(item kind.Item) string {
	if len(item.Claims) == 0 {
		return "and its files are in no captured tree"
	}
	return "physical copy only"
}

// keep stores a stream of rows as an object, uncompressed, so that a table
// that has not changed costs nothing the second time.
func (c *capture) keep(ctx context.Context) keepFunc {
	return func(name string, write func(io.Writer) error) error {
		r, w := io.Pipe()
		go func() {
			rows := bufio.NewWriterSize(w, 1<<18) // COPY writes row by row
			err := write(rows)
			if err == nil {
				err = rows.Flush()
			}
			w.CloseWithError(err)
		}()
		object, err := content.Put(ctx, c.sink, name, r)
		_ = r.Close() // ends the writer; a pipe in memory
		if err != nil {
			return err
		}
		c.add(object)
		return nil
	}
}

func (c *capture) add(object kind.Object) {
	c.objects = append(c.objects, object)
	c.read += object.Size
}

// dumpDefinitions stores what creates the empty database, or the roles and
// tablespaces of the server, as the server's own programs write it.
func (c *capture) dumpDefinitions(ctx context.Context) error {
	program, args, name := "pg_dump", []string{
		"--schema-only", "--create", "--quote-all-identifiers", "--encoding=UTF8", "--lock-wait-timeout=10s",
		"--snapshot=" + c.snapshot, "--dbname=" + c.database(),
	}, "schema.sql"
	if c.database() == "" {
		program, args, name = "pg_dumpall", []string{"--globals-only", "--quote-all-identifiers"}, "globals.sql"
	}
	args = append(args, "--username="+c.way.login.user)
	var script bytes.Buffer
	complaint, err := c.server.inside().run(ctx, program, args, c.way.login.password, &script)
	if err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	if complaint != "" {
		c.gap(name, program+" in its container: "+complaint)
		return nil
	}
	object, err := content.PutBytes(ctx, c.sink, name, withoutKeys(script.Bytes()))
	if err != nil {
		return err
	}
	c.add(object)
	return nil
}

// withoutKeys removes the lines (\restrict KEY, \unrestrict KEY) in which newer
// clients put a random key each time: psql is not what will read this. What
// is quoted in the script cannot know the key.
func withoutKeys(script []byte) []byte {
	_, rest, found := bytes.Cut(script, []byte("\n\\restrict "))
	if !found {
		return script
	}
	key, _, _ := bytes.Cut(rest, []byte("\n"))
	script = bytes.ReplaceAll(script, slices.Concat([]byte("\n\\restrict "), key), nil)
	return bytes.ReplaceAll(script, slices.Concat([]byte("\n\\unrestrict "), key), nil)
}

// gapQueries find what a dump, or a copy of a running server's files, does
// not hold. Each row is what and why.
const (
	databaseGaps = `
select format('rows of unlogged table %I.%I', n.nspname, c.relname),
       'if captured while running, the server empties the table when it recovers; pause keeps the rows'
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'u' and n.nspname !~ '^pg_'
union all
select format('rows of foreign table %I.%I', n.nspname, c.relname), 'they live in another server'
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'f'
order by 1`
	serverGaps = `
select format('replication slot %I', slot_name), 'a dump does not hold it; the server''s files do'
from pg_replication_slots where not temporary
union all
select 'prepared transaction ' || gid, 'a dump does not hold it; the server''s files do'
from pg_prepared_xacts
order by 1`
)

func (c *capture) findGaps(ctx context.Context) error {
	if c.session.unlocked {
		c.gap("definitions of the same instant as the rows", "somebody else held a lock on a table, perhaps to redefine it")
	}
	query := databaseGaps
	if c.database() == "" {
		query = serverGaps
	}
	rows, err := c.conn.Query(ctx, query)
	if err != nil {
		return fmt.Errorf("look for what is not captured: %w", err)
	}
	var what, why string
	_, err = pgx.ForEachRow(rows, []any{&what, &why}, func() error {
		c.gap(what, why)
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for what is not captured: %w", err)
	}
	return nil
}
