package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"
)

// Version is the version of the layout written here.
const Version = 0

// lockTimeout bounds the wait for a process that has the file open.
const lockTimeout = 2 * time.Second

// The errors that callers tell apart.
var (
	ErrNewer   = errors.New("written by a newer version of Dogear")
	ErrDamaged = errors.New("the catalog is damaged")
	ErrExists  = errors.New("it is there already")
)

const (
	bucketMeta       = "meta"
	bucketPacks      = "packs"
	bucketChunks     = "chunks"
	bucketSnapshots  = "snapshots"
	bucketOrder      = "order"
	bucketWorkspaces = "workspaces"
	bucketEvents     = "events"
	bucketReceipts   = "receipts"
)

const keyVersion = "version"

// Catalog is an open catalog. It is safe for concurrent use.
type Catalog struct{ db *bbolt.DB }

// Open opens the catalog at path, and creates it if there is none.
func Open(path string) (*Catalog, error) {
	db, err := openFile(path)
	if err != nil {
		return nil, err
	}
	c := &Catalog{db: db}
	if err := c.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return c, nil
}

// openFile opens a bbolt file. bbolt panics on some damaged files.
func openFile(path string) (db *bbolt.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("open %s: %v: %w", path, p, ErrDamaged)
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType})
	switch {
	case errors.Is(err, bbolt.ErrInvalid), errors.Is(err, bbolt.ErrChecksum), errors.Is(err, bbolt.ErrVersionMismatch):
		return nil, fmt.Errorf("open %s: %w: %w", path, err, ErrDamaged)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

// prepare creates what a new catalog needs, and checks the version of an old
// one.
func (c *Catalog) prepare() error {
	found, err := c.version()
	if err != nil || found {
		return err
	}
	return c.update(func(tx *bbolt.Tx) error {
		for _, name := range []string{bucketMeta, bucketPacks, bucketChunks, bucketSnapshots, bucketOrder, bucketWorkspaces, bucketEvents, bucketReceipts} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte(bucketMeta)).Put([]byte(keyVersion), binary.BigEndian.AppendUint32(nil, Version))
	})
}

func (c *Catalog) version() (found bool, err error) {
	err = c.view(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte(bucketMeta))
		if meta == nil {
			return nil
		}
		found = true
		return checkVersion(meta.Get([]byte(keyVersion)))
	})
	return found, err
}

func checkVersion(value []byte) error {
	if len(value) != 4 {
		return fmt.Errorf("no version: %w", ErrDamaged)
	}
	if v := binary.BigEndian.Uint32(value); v > Version {
		return fmt.Errorf("catalog of version %d, this one reads %d: %w", v, Version, ErrNewer)
	}
	return nil
}

// view runs a read transaction. Damage that bbolt meets by panicking comes
// back as ErrDamaged.
func (c *Catalog) view(f func(tx *bbolt.Tx) error) (err error) {
	defer recovered(&err)
	return c.db.View(f)
}

// update runs a write transaction: all of it, durable, or nothing.
func (c *Catalog) update(f func(tx *bbolt.Tx) error) (err error) {
	defer recovered(&err)
	return c.db.Update(f)
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v: %w", p, ErrDamaged)
	}
}

// Size returns the size of the file.
func (c *Catalog) Size() (int64, error) {
	info, err := os.Stat(c.db.Path())
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Close closes the catalog.
func (c *Catalog) Close() error { return c.db.Close() }
