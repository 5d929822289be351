package catalog

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"
)

// Records names a bucket of records: what is in it is, byte for byte, what is
// in the records' files.
type Records string

// The buckets of records. Events are keyed by EventKey, receipts by their id,
// all others by the id of the snapshot that they are about.
const (
	Snapshots   Records = "snapshots"
	Annotations Records = "annotations"
	Deletions   Records = "deletions"
	Receipts    Records = "receipts"
	Events      Records = "events"
)

// Entry is a record in its bucket.
type Entry struct {
	Key    string
	Record []byte
}

// Record returns a record, or nil if there is none of that key.
func (c *Catalog) Record(kind Records, key string) (record []byte, err error) {
	if key == "" {
		return nil, nil
	}
	err = c.view(func(tx *bbolt.Tx) error {
		record = bytes.Clone(tx.Bucket([]byte(kind)).Get([]byte(key)))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s of catalog: %w", kind, err)
	}
	return record, nil
}

// Has reports whether there is a record of that key.
func (c *Catalog) Has(kind Records, key string) (found bool, err error) {
	if key == "" {
		return false, nil
	}
	err = c.view(func(tx *bbolt.Tx) error {
		found = tx.Bucket([]byte(kind)).Get([]byte(key)) != nil
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("read %s of catalog: %w", kind, err)
	}
	return found, nil
}

// All returns the records of a bucket, in the order of their keys.
func (c *Catalog) All(kind Records) ([]Entry, error) {
	entries := []Entry{}
	err := c.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(kind)).ForEach(func(key, record []byte) error {
			entries = append(entries, Entry{Key: string(key), Record: bytes.Clone(record)})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", kind, err)
	}
	return entries, nil
}

// Put lists a record, in place of one of the same key. Snapshots and deletions
// are for Publish and Forget.
func (c *Catalog) Put(kind Records, e Entry) error {
	err := c.update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(kind)).Put([]byte(e.Key), e.Record)
	})
	if err != nil {
		return fmt.Errorf("update catalog: %w", err)
	}
	return nil
}

// Remove removes a record, if it is there.
func (c *Catalog) Remove(kind Records, key string) error {
	err := c.update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(kind)).Delete([]byte(key))
	})
	if err != nil {
		return fmt.Errorf("update catalog: %w", err)
	}
	return nil
}
