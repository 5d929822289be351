package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"dogear/store/chunk"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// Version is the version of the layout written here.
const Version = 2

// lockTimeout bounds the wait for a process that has the file open.
const lockTimeout = 2 * time.Second

// The errors that callers tell apart.
var (
	ErrNewer   = errors.New("written by a newer version of Dogear")
	ErrOlder   = errors.New("written by an unfinished version of Dogear, before the first release")
	ErrDamaged = fmt.Errorf("the catalog is %w (dogear repair rebuilds it from the packs)", chunk.ErrDamaged)
	ErrExists  = errors.New("it is there already")
)

const (
	bucketMeta       = "meta"
	bucketPacks      = "packs"
	bucketChunks     = "chunks"
	bucketDamaged    = "damaged"
	bucketOrder      = "order"
	bucketWorkspaces = "workspaces"
)

func buckets() []string {
	return []string{
		bucketMeta, bucketPacks, bucketChunks, bucketDamaged, bucketOrder, bucketWorkspaces,
		string(Snapshots), string(Annotations), string(Deletions), string(Receipts), string(Events),
	}
}

const keyVersion = "version"

// Catalog is an open catalog. It is safe for concurrent use.
type Catalog struct {
	db   *bbolt.DB
	path string
}

// Open opens the catalog at path, and creates it if there is none. Nobody else
// may have it open. It returns ErrDamaged whatever the file is like, and
// ErrNewer.
func Open(path string) (*Catalog, error) {
	torn, err := verifyFile(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db, err := openFile(path)
	if err != nil {
		return nil, err
	}
	c := &Catalog{db: db, path: path}
	if err := c.prepare(torn); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return c, nil
}

// Verify checks the structure of the catalog's file, and has bbolt check it.
// What is listed is for the caller to compare with what there is.
func (c *Catalog) Verify() error {
	return c.alone(func(tx *bbolt.Tx) error {
		torn, err := verifyFile(c.path)
		if err != nil {
			return err
		}
		if torn {
			return fmt.Errorf("one of its meta pages is not valid: %w", ErrDamaged)
		}
		var errs []error
		for err := range tx.Check() {
			errs = append(errs, err)
		}
		if len(errs) > 0 {
			return fmt.Errorf("%w: %w", errors.Join(errs...), ErrDamaged)
		}
		return checkBuckets(tx)
	})
}

// alone runs a transaction beside which nobody writes, and that does not write
// either.
func (c *Catalog) alone(f func(tx *bbolt.Tx) error) (err error) {
	defer guard(&err)()
	tx, err := c.db.Begin(true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	return f(tx)
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
// one, and that its buckets are there. A meta page that is not valid is written
// again.
func (c *Catalog) prepare(torn bool) error {
	version, err := c.version()
	if err != nil {
		return err
	}
	switch version {
	case 0:
		return c.update(create)
	case 1:
		if err := c.update(upgrade); err != nil {
			return err
		}
	}
	if err := c.view(checkBuckets); err != nil {
		return err
	}
	if torn {
		nothing := func(*bbolt.Tx) error { return nil }
		return errors.Join(c.update(nothing), c.update(nothing)) // they are written in turns
	}
	return nil
}

func create(tx *bbolt.Tx) error {
	for _, name := range buckets() {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	return putVersion(tx)
}

// upgrade makes a catalog of version 2 of one of version 1, which did not note
// what is damaged.
func upgrade(tx *bbolt.Tx) error {
	if _, err := tx.CreateBucket([]byte(bucketDamaged)); err != nil {
		return fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	return putVersion(tx)
}

func putVersion(tx *bbolt.Tx) error {
	return tx.Bucket([]byte(bucketMeta)).Put([]byte(keyVersion), binary.BigEndian.AppendUint32(nil, Version))
}

// checkBuckets makes sure that all buckets are there, and no others.
func checkBuckets(tx *bbolt.Tx) error {
	missing := make(map[string]bool)
	for _, name := range buckets() {
		missing[name] = true
	}
	err := tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		if !missing[string(name)] {
			return fmt.Errorf("bucket %q is not ours: %w", name, ErrDamaged)
		}
		delete(missing, string(name))
		return nil
	})
	if err != nil {
		return err
	}
	for name := range missing {
		return fmt.Errorf("bucket %q is missing: %w", name, ErrDamaged)
	}
	if n := len(keys(tx.Bucket([]byte(bucketMeta)), nil)); n != 1 {
		return fmt.Errorf("bucket %q has %d entries: %w", bucketMeta, n, ErrDamaged)
	}
	return nil
}

// version returns 0 for a new catalog.
func (c *Catalog) version() (version uint32, err error) {
	err = c.view(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte(bucketMeta))
		if name, _ := tx.Cursor().First(); name == nil {
			return nil
		}
		if meta == nil {
			return fmt.Errorf("bucket %q is missing: %w", bucketMeta, ErrDamaged)
		}
		version, err = readVersion(meta.Get([]byte(keyVersion)))
		return err
	})
	return version, err
}

func readVersion(value []byte) (uint32, error) {
	if len(value) != 4 {
		return 0, fmt.Errorf("no version: %w", ErrDamaged)
	}
	switch v := binary.BigEndian.Uint32(value); {
	case v > Version:
		return 0, fmt.Errorf("catalog of version %d, this one reads up to %d: %w", v, Version, ErrNewer)
	case v < 1:
		return 0, fmt.Errorf("catalog of version %d, this one reads from 1 to %d: %w", v, Version, ErrOlder)
	default:
		return v, nil
	}
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
