package catalog

import (
	"fmt"

	"dogear/store/chunk"

	"go.etcd.io/bbolt"
)

// Publish lists packs and snapshots in one transaction: all of them, durable,
// or nothing. It returns ErrExists for a snapshot that is listed already.
func (c *Catalog) Publish(packs []chunk.Pack, snapshots ...Snapshot) error {
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

func putSnapshot(tx *bbolt.Tx, s Snapshot) error {
	snapshots := tx.Bucket([]byte(Snapshots))
	if snapshots.Get([]byte(s.Key)) != nil {
		return fmt.Errorf("snapshot %s: %w", s.Key, ErrExists)
	}
	if err := snapshots.Put([]byte(s.Key), s.Record); err != nil {
		return err
	}
	if err := tx.Bucket([]byte(bucketOrder)).Put(orderKey(s.Workspace.ID, s.Key), nil); err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketWorkspaces)).Put([]byte(s.Workspace.ID), []byte(s.Workspace.Root))
}

// Forget takes a snapshot and its annotation from the lists, if they are
// there, and lists the deletion, in one transaction. A workspace without
// snapshots goes as well.
func (c *Catalog) Forget(deletion Entry) error {
	err := c.update(func(tx *bbolt.Tx) error {
		id := []byte(deletion.Key)
		for _, kind := range []Records{Snapshots, Annotations} {
			if err := tx.Bucket([]byte(kind)).Delete(id); err != nil {
				return err
			}
		}
		if err := dropOrder(tx, deletion.Key); err != nil {
			return err
		}
		return tx.Bucket([]byte(Deletions)).Put(id, deletion.Record)
	})
	if err != nil {
		return fmt.Errorf("update catalog: %w", err)
	}
	return nil
}

// dropOrder takes a snapshot from the list of its workspace, whichever it is.
func dropOrder(tx *bbolt.Tx, id string) error {
	order, workspaces := tx.Bucket([]byte(bucketOrder)), tx.Bucket([]byte(bucketWorkspaces))
	for _, w := range keys(workspaces, nil) {
		if err := order.Delete(orderKey(string(w), id)); err != nil {
			return err
		}
		if len(keys(order, orderKey(string(w), ""))) > 0 {
			continue
		}
		if err := workspaces.Delete(w); err != nil {
			return err
		}
	}
	return nil
}
