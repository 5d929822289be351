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
	wish := c.ws.DumpOf(c.item.ID)
	if c.database() == "" {
		return wish != "never"
	}
	gigabytes := float64(c.session.size) / (1 << 30)
	switch {
	case wish == "never":
		c.gap("dump", "not wanted (--dumps never); "+physical(c.item))
		return false
	case wish != "always" && !c.session.isSmall():
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

// reads reports whether the rows of a relation are read: for the dump, for the
// facts of a small database, or as the server's files lose them (P2).
func (c *capture) reads(r relation) bool { return c.dump || c.session.isSmall() || r.Unlogged }

// stores reports whether rows that are read are kept.
func (c *capture) stores(name string) bool {
	if c.dump {
		return true
	}
	return slices.ContainsFunc(c.session.relations, func(r relation) bool { return r.Unlogged && r.Word+"/"+r.Name == name })
}

// keep stores a stream of rows as an object, uncompressed, so that a table
// that has not changed costs nothing the second time.
func (c *capture) keep(ctx context.Context) keepFunc {
	return func(p piece, write func(io.Writer) error) error {
		if !c.stores(p.name) {
			return write(io.Discard)
		}
		r, w := io.Pipe()
		go func() {
			rows := bufio.NewWriterSize(w, 1<<18) // COPY writes row by row
			err := write(rows)
			if err == nil {
				err = rows.Flush()
			}
			w.CloseWithError(err)
		}()
		object, err := content.Put(ctx, c.sink, p.name, r)
		_ = r.Close() // ends the writer; a pipe in memory
		if err != nil {
			return err
		}
		c.add(object, p.nth)
		return nil
	}
}

// dumpDefinitions stores what creates the empty database, or the roles and
// tablespaces of the server, as the server's own programs write it.
func (c *capture) dumpDefinitions(ctx context.Context) error {
	program, args, name := "pg_dumpall", []string{"--globals-only", "--quote-all-identifiers"}, globalsObject
	if c.database() != "" {
		snapshot, err := c.session.export(ctx) // pg_dump has a connection of its own
		if err != nil {
			return err
		}
		program, name = "pg_dump", schemaObject
		args = []string{"--schema-only", "--create", "--quote-all-identifiers", "--encoding=UTF8", "--lock-wait-timeout=10s", "--snapshot=" + snapshot}
	}
	var script bytes.Buffer
	complaint, err := c.server.run(ctx, c.way, program, args, c.database(), nil, &script)
	if err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	if complaint != "" {
		c.dump = false
		c.gap("dump", "it cannot be restored alone, as its definitions are missing: "+program+": "+complaint)
		return nil
	}
	text := withoutKeys(script.Bytes())
	if c.from != "" {
		text = bytes.ReplaceAll(text, []byte(quoteName(c.from)), []byte(quoteName(databaseOf(c.item.ID))))
	}
	object, err := content.PutBytes(ctx, c.sink, name, text)
	if err != nil {
		return err
	}
	c.add(object, 0)
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
