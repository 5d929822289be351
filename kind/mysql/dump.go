package mysql

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"dogear/internal/content"
	"dogear/kind"
)

var _ keeper = (*capture)(nil)

// wantsDump decides by the user's wish and the size whether the item is
// dumped, and says so if it is not.
func (c *capture) wantsDump() bool {
	wish := c.ws.DumpOf(c.item.ID)
	if c.database() == "" {
		return wish != "never"
	}
	gigabytes := float64(c.view.size) / (1 << 30)
	switch {
	case wish == "never":
		c.gap("dump", "not wanted (--dumps never); "+physical(c.item))
		return false
	case wish != "always" && !c.view.isSmall():
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

// wants keeps the rows of tables in memory whatever the user wants: no file
// has them.
func (c *capture) wants(t *table) bool { return c.dump || t.isMemory() }

// keep stores a stream of rows as an object, uncompressed, so that a table
// that has not changed costs nothing the second time.
func (c *capture) keep(ctx context.Context, t *table, write func(io.Writer) error) (kind.Object, error) {
	r, w := io.Pipe()
	go func() {
		rows := bufio.NewWriterSize(w, 1<<18)
		err := write(rows)
		if err == nil {
			err = rows.Flush()
		}
		w.CloseWithError(err)
	}()
	object, err := content.Put(ctx, c.sink, rowsPrefix+t.Name, r)
	_ = r.Close() // ends the writer; a pipe in memory
	if err == nil {
		c.add(object)
	}
	return object, err
}

// again adds an object of an earlier capture, if the store has all of it.
func (c *capture) again(ctx context.Context, object kind.Object) (bool, error) {
	known, err := c.sink.Known(ctx, object.Chunks)
	if err != nil || slices.Contains(known, false) {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.objects = append(c.objects, object)
	return true, nil
}

func (c *capture) add(object kind.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.objects = append(c.objects, object)
	c.read += object.Size
}

// dumpFlags make two dumps of the same the same, and lose nothing that they
// can keep.
var dumpFlags = []string{
	"--no-data", "--routines", "--events", "--triggers", "--skip-dump-date", "--skip-comments", "--default-character-set=utf8mb4",
	"--skip-lock-tables", "--single-transaction", "--databases",
}

// dumpDefinitions stores a script that creates the empty database, as the
// server's own program writes it: it can be read without Dogear.
func (c *capture) dumpDefinitions(ctx context.Context) error {
	if c.database() == "" || !c.dump {
		return nil
	}
	var script bytes.Buffer
	args := append(slices.Clone(dumpFlags), c.database())
	complaint, err := c.server.dump(ctx, c.link.way.login, &script, args...)
	if err != nil {
		return fmt.Errorf("run the dump program: %w", err)
	}
	if complaint != "" {
		c.gap("schema.sql", "the dump program beside it: "+complaint)
		return nil
	}
	object, err := content.PutBytes(ctx, c.sink, "schema.sql", withoutSandbox(script.Bytes()))
	if err == nil {
		c.add(object)
	}
	return err
}

// sandbox is the line with which newer dump programs begin. Older clients,
// and those of MySQL, take it for an unknown command.
const sandbox = `/*M!999999\- enable the sandbox mode */`

// withoutSandbox removes that line, and no other.
func withoutSandbox(script []byte) []byte {
	line, rest, _ := bytes.Cut(script, []byte("\n"))
	if string(bytes.TrimRight(line, " \r")) == sandbox {
		return rest
	}
	return script
}
