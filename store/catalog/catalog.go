package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
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
	bucketOrder      = "order"
	bucketWorkspaces = "workspaces"
)

func buckets() []string {
	return []string{
		bucketMeta, bucketPacks, bucketChunks, bucketOrder, bucketWorkspaces,
		string(Snapshots), string(Annotations), string(Deletions), string(Receipts), string(Events),
	}
}

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

// openFile opens a bbolt file. If bbolt panics half-way its file, and with it
// the lock, is given free.
func openFile(path string) (db *bbolt.DB, err error) {
	var file *os.File
	defer func() {
		if db == nil && file != nil {
			err = errors.Join(err, giveFree(file))
		}
	}()
	defer guard(&err)()
	opened, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      lockTimeout,
		FreelistType: bbolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			file, err = os.OpenFile(name, flag, mode)
			return file, err
		},
	})
	switch {
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrChecksum), errors.Is(err, bbolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("open %s: %w: %w", path, err, ErrDamaged)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return opened, nil
}

// giveFree unlocks and closes a file, unless it is closed. Closing alone does
// not unlock it: the map that bbolt leaves behind keeps the lock.
func giveFree(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var unlockErr error
	err = conn.Control(func(fd uintptr) { unlockErr = syscall.Flock(int(fd), syscall.LOCK_UN) })
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return errors.Join(err, unlockErr, f.Close())
}

// prepare creates what a new catalog needs, and checks the version of an old
// one.
func (c *Catalog) prepare() error {
	found, err := c.version()
	if err != nil || found {
		return err
	}
	return c.update(func(tx *bbolt.Tx) error {
		for _, name := range buckets() {
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

// view runs a read transaction.
func (c *Catalog) view(f func(tx *bbolt.Tx) error) (err error) {
	defer guard(&err)()
	return c.db.View(f)
}

// update runs a write transaction: all of it, durable, or nothing.
func (c *Catalog) update(f func(tx *bbolt.Tx) error) (err error) {
	defer guard(&err)()
	return c.db.Update(f)
}

// guard makes ErrDamaged of what bbolt does when it meets damage: it panics,
// or reads beyond its map of the file. To be deferred: defer guard(&err)().
func guard(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			*err = fmt.Errorf("%v: %w", p, ErrDamaged)
		}
	}
}

// Close closes the catalog.
func (c *Catalog) Close() error { return c.db.Close() }
