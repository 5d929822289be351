package catalog

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"dogear/snapshot"

	"go.etcd.io/bbolt"
)

// Snapshot returns a snapshot, and whether there is one of that id.
func (c *Catalog) Snapshot(id snapshot.ID) (s snapshot.Snapshot, found bool, err error) {
	found, err = get(c, bucketSnapshots, []byte(id), &s)
	return s, found, err
}

// Snapshots returns the snapshots of a workspace, or all if it is "", the
// highest id first.
func (c *Catalog) Snapshots(workspace string) ([]snapshot.Snapshot, error) {
	list := []snapshot.Snapshot{}
	err := c.view(func(tx *bbolt.Tx) error {
		for _, id := range snapshotIDs(tx, workspace) {
			s, err := decode[snapshot.Snapshot](tx.Bucket([]byte(bucketSnapshots)).Get(id))
			if err == nil && string(s.ID) != string(id) {
				err = ErrDamaged
			}
			if err != nil {
				return fmt.Errorf("snapshot %q: %w", id, err)
			}
			list = append(list, s)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	slices.Reverse(list)
	return list, nil
}

// snapshotIDs returns the keys of a workspace's snapshots, ascending.
func snapshotIDs(tx *bbolt.Tx, workspace string) [][]byte {
	if workspace == "" {
		return keys(tx.Bucket([]byte(bucketSnapshots)), nil)
	}
	return keys(tx.Bucket([]byte(bucketOrder)), orderKey(workspace, ""))
}

// keys returns what follows the prefix in those keys that have it.
func keys(bucket *bbolt.Bucket, prefix []byte) [][]byte {
	var found [][]byte
	cursor := bucket.Cursor()
	for k, _ := cursor.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = cursor.Next() {
		found = append(found, k[len(prefix):])
	}
	return found
}

// Workspaces returns all workspaces, sorted by id.
func (c *Catalog) Workspaces() ([]snapshot.Workspace, error) {
	return all[snapshot.Workspace](c, bucketWorkspaces)
}

// NextEvent returns the sequence number for the next event.
func (c *Catalog) NextEvent() (seq uint64, err error) {
	err = c.view(func(tx *bbolt.Tx) error {
		if last, _ := tx.Bucket([]byte(bucketEvents)).Cursor().Last(); len(last) == 8 {
			seq = binary.BigEndian.Uint64(last)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("number event: %w", err)
	}
	return seq + 1, nil
}

// PutEvent lists an event under its Seq.
func (c *Catalog) PutEvent(e snapshot.Event) error {
	return c.put(bucketEvents, binary.BigEndian.AppendUint64(nil, e.Seq), e)
}

// Events returns the events of a workspace, or all if it is "", the newest
// first.
func (c *Catalog) Events(workspace string) ([]snapshot.Event, error) {
	events, err := all[snapshot.Event](c, bucketEvents)
	if err != nil {
		return nil, err
	}
	slices.Reverse(events)
	return slices.DeleteFunc(events, func(e snapshot.Event) bool {
		return workspace != "" && e.Workspace != workspace
	}), nil
}

// PutReceipt lists a receipt, in place of one with the same id.
func (c *Catalog) PutReceipt(r snapshot.Receipt) error {
	return c.put(bucketReceipts, []byte(r.ID), r)
}

// Receipt returns a receipt, and whether there is one of that id.
func (c *Catalog) Receipt(id string) (r snapshot.Receipt, found bool, err error) {
	found, err = get(c, bucketReceipts, []byte(id), &r)
	return r, found, err
}

// Receipts returns all receipts, sorted by id.
func (c *Catalog) Receipts() ([]snapshot.Receipt, error) {
	return all[snapshot.Receipt](c, bucketReceipts)
}

func (c *Catalog) put(bucket string, key []byte, v any) error {
	err := c.update(func(tx *bbolt.Tx) error { return putJSON(tx.Bucket([]byte(bucket)), key, v) })
	if err != nil {
		return fmt.Errorf("update catalog: %w", err)
	}
	return nil
}

func get[T any](c *Catalog, bucket string, key []byte, v *T) (found bool, err error) {
	if len(key) == 0 {
		return false, nil
	}
	err = c.view(func(tx *bbolt.Tx) error {
		value := tx.Bucket([]byte(bucket)).Get(key)
		if value == nil {
			return nil
		}
		found = true
		*v, err = decode[T](value)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("read %s of catalog: %w", bucket, err)
	}
	return found, nil
}

func all[T any](c *Catalog, bucket string) ([]T, error) {
	list := []T{}
	err := c.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucket)).ForEach(func(_, value []byte) error {
			v, err := decode[T](value)
			list = append(list, v)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", bucket, err)
	}
	return list, nil
}

func decode[T any](value []byte) (v T, err error) {
	if err := json.Unmarshal(value, &v); err != nil {
		return v, fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	return v, nil
}

// HasSnapshot reports whether a snapshot is listed.
func (c *Catalog) HasSnapshot(id snapshot.ID) (bool, error) {
	return c.has(bucketSnapshots, []byte(id))
}

// HasEvent reports whether an event is listed.
func (c *Catalog) HasEvent(seq uint64) (bool, error) {
	return c.has(bucketEvents, binary.BigEndian.AppendUint64(nil, seq))
}

// HasReceipt reports whether a receipt is listed.
func (c *Catalog) HasReceipt(id string) (bool, error) { return c.has(bucketReceipts, []byte(id)) }

func (c *Catalog) has(bucket string, key []byte) (found bool, err error) {
	err = c.view(func(tx *bbolt.Tx) error {
		found = tx.Bucket([]byte(bucket)).Get(key) != nil
		return nil
	})
	return found, err
}
