package catalog

import (
	"encoding/json"
	"fmt"

	"dogear/snapshot"
	"dogear/store/chunk"

	"go.etcd.io/bbolt"
)

// Publish lists packs and snapshots in one transaction: all of them, durable,
// or nothing. It returns ErrExists for a snapshot that is listed already.
func (c *Catalog) Publish(packs []chunk.Pack, snapshots ...snapshot.Snapshot) error {
	err := c.update(func(tx *bbolt.Tx) error {
		if err := putPacks(tx, packs); err != nil {
			return err
		}
		for _, s := range snapshots {
			if err := putSnapshot(tx, s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("update catalog: %w", err)
	}
	return nil
}

func putSnapshot(tx *bbolt.Tx, s snapshot.Snapshot) error {
	snapshots := tx.Bucket([]byte(bucketSnapshots))
	if snapshots.Get([]byte(s.ID)) != nil {
		return fmt.Errorf("snapshot %s: %w", s.ID, ErrExists)
	}
	if err := putJSON(snapshots, []byte(s.ID), s); err != nil {
		return err
	}
	if err := tx.Bucket([]byte(bucketOrder)).Put(orderKey(s.Workspace.ID, s.ID), nil); err != nil {
		return err
	}
	return putJSON(tx.Bucket([]byte(bucketWorkspaces)), []byte(s.Workspace.ID), s.Workspace)
}

func orderKey(workspace string, id snapshot.ID) []byte {
	return append(append([]byte(workspace), 0), id...)
}

func putJSON(bucket *bbolt.Bucket, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return bucket.Put(key, b)
}
