package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"dogear/kind"
)

// pragmas are the settings that are kept in the database itself.
var pragmas = []string{"application_id", "auto_vacuum", "encoding", "journal_mode", "page_size", "user_version"}

// facts says what the copy holds. What SQLite cannot read (damaged,
// encrypted, made by a newer version) is given as digests of its files, and
// the reason is returned.
func (c *copied) facts(ctx context.Context) (facts statements, unreadable error, err error) {
	digests, err := c.digests()
	if err != nil {
		return nil, nil, err
	}
	facts, err = c.read(ctx)
	if err == nil || ctx.Err() != nil {
		return facts, nil, err
	}
	return digests, err, nil
}

// digests are taken before SQLite recovers the copy.
func (c *copied) digests() (statements, error) {
	var facts statements
	for _, suffix := range c.present() {
		sum, err := fileDigest(c.path + suffix)
		if err != nil {
			return nil, err
		}
		facts = append(facts, statement{Fact: kind.Fact{Name: "file " + strconv.Quote(suffix), Value: sum}})
	}
	return facts, nil
}

func fileDigest(path string) (_ string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("sha256=%x", h.Sum(nil)), nil
}

// open opens the copy with SQLite. The caller closes it.
func (c *copied) open() (*sql.DB, error) {
	name := url.URL{Scheme: "file", Path: c.path, RawQuery: "mode=rw&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)"}
	db, err := sql.Open("sqlite", name.String())
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

func (c *copied) read(ctx context.Context) (facts statements, err error) {
	db, err := c.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, pragma := range pragmas {
		var value string
		if err := db.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&value); err != nil {
			return nil, fmt.Errorf("read %s: %w", pragma, err)
		}
		facts = append(facts, statement{Fact: kind.Fact{Name: pragma, Value: value}})
	}
	objects, err := schema(ctx, db, "main")
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		facts = append(facts, statement{Fact: o.fact(), Table: o.belongsTo()})
		if !o.hasRows() {
			continue
		}
		sum, err := sumTable(ctx, db, o.name)
		if err != nil {
			return nil, fmt.Errorf("read table %s: %w", kind.Printable(o.name), err)
		}
		facts = append(facts, statement{Fact: kind.Fact{Name: "table " + o.name, Value: sum.String()}, Table: o.name})
	}
	return facts, nil
}
