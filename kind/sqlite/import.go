package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	stored "dogear/internal/content"
	"dogear/kind"
)

var _ kind.Importer = (*Driver)(nil)

// Parent is nothing: a database is a file of its own.
func (*Driver) Parent(id kind.ID) kind.ID { return id }

// Import takes a database file, with the log or journal that lies beside it, as
// a part. It is copied first, and read as any other: what is in it runs nothing.
func (*Driver) Import(ctx context.Context, _ *kind.Workspace, item kind.Item, path string, sink kind.Sink) (_ kind.Part, err error) {
	if is, err := hasMagic(path); err != nil || !is {
		return kind.Part{}, errors.Join(errors.New("it is no SQLite database"), err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return kind.Part{}, err
	}
	if info.Size() > maxRead {
		return kind.Part{}, fmt.Errorf("it has %d MB, and only databases of up to %d MB come back without their tree", info.Size()>>20, maxRead>>20)
	}
	c, err := unitAt(filepath.Clean(path)).copy(ctx)
	if err != nil {
		return kind.Part{}, fmt.Errorf("copy it: %w", err)
	}
	defer func() { err = errors.Join(err, c.remove()) }()
	facts, unreadable, err := c.facts(ctx)
	if err = errors.Join(err, unreadable); err != nil {
		return kind.Part{}, fmt.Errorf("read it: %w", err)
	}
	if err := c.check(ctx); err != nil {
		return kind.Part{}, err
	}
	f, err := c.whole()
	if err != nil {
		return kind.Part{}, err
	}
	database, err := stored.PutBlocks(ctx, sink, databaseObject, f)
	if err := closeAfter(f, err); err != nil {
		return kind.Part{}, err
	}
	description, err := stored.PutJSON(ctx, sink, metaObject, meta{Facts: facts, Owner: ownerOf(info)})
	if err != nil {
		return kind.Part{}, err
	}
	return kind.Part{
		ID: item.ID, Claims: item.Claims, Objects: []kind.Object{database, description},
		Read: database.Size, Facts: kind.Stream(facts.facts()),
	}, nil
}

// check has SQLite look through all pages: a file from elsewhere may be damaged
// where nothing was read.
func (c *copied) check(ctx context.Context) (err error) {
	db, err := c.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("check it: %w", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("it is damaged: %s", kind.Printable(verdict))
	}
	return nil
}
