package catalog

import (
	"bytes"
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

// Unlist takes chunks from the lists that are listed as being in the pack.
type Unlist struct {
	Pack   Pack
	Chunks []chunk.Entry
}

// Condemn unlists chunks, in one transaction: nobody finds them any more.
func (c *Catalog) Condemn(condemned []Unlist) error {
	err := c.update(func(tx *bbolt.Tx) error {
		for _, u := range condemned {
			if err := unlist(tx, u); err != nil {
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

func unlist(tx *bbolt.Tx, u Unlist) error {
	pack, err := packAt(tx, []byte(u.Pack.number))
	if err != nil {
		return err
	}
	chunks := tx.Bucket([]byte(bucketChunks))
	for _, e := range u.Chunks {
		if !bytes.HasPrefix(chunks.Get(e.ID[:]), []byte(u.Pack.number)) {
			continue
		}
		if err := chunks.Delete(e.ID[:]); err != nil {
			return err
		}
		pack.Chunks--
	}
	return putPack(tx, []byte(u.Pack.number), pack)
}

// Replace lists new packs and unlists old ones, in one transaction. Chunks that
// were in an old pack and are in a new one are now there. It returns ErrDamaged,
// and changes nothing, if that leaves a chunk behind in an old pack.
func (c *Catalog) Replace(removed []Pack, added []chunk.Pack) error {
	err := c.update(func(tx *bbolt.Tx) error {
		next, err := nextNumber(tx) // no number is used again here
		if err != nil {
			return err
		}
		left := make(map[string]uint32, len(removed))
		for _, p := range removed {
			pack, err := packAt(tx, []byte(p.number))
			if err != nil {
				return err
			}
			left[p.number] = pack.Chunks
		}
		for i, p := range added {
			if err := takeOver(tx, packNumber(next+uint64(i)), p, left); err != nil {
				return err
			}
		}
		return dropPacks(tx, removed, left)
	})
	if err != nil {
		return fmt.Errorf("update catalog: %w", err)
	}
	return nil
}

// takeOver lists a pack and moves to it what is in old packs. Of those, left
// counts what is still there.
func takeOver(tx *bbolt.Tx, number []byte, p chunk.Pack, left map[string]uint32) error {
	chunks, count := tx.Bucket([]byte(bucketChunks)), uint32(0)
	for _, e := range p.Index.Chunks {
		value := chunks.Get(e.ID[:])
		if len(value) != chunkValueSize {
			continue
		}
		old := string(value[:8])
		if _, ok := left[old]; !ok {
			continue
		}
		if err := chunks.Put(e.ID[:], encodeLocation(number, e.Location)); err != nil {
			return err
		}
		left[old]--
		count++
	}
	return putPack(tx, number, Pack{Name: p.Name, Size: p.Size, Chunks: count})
}

func dropPacks(tx *bbolt.Tx, packs []Pack, left map[string]uint32) error {
	for _, p := range packs {
		if n := left[p.number]; n != 0 {
			return fmt.Errorf("%d chunks are still in pack %s: %w", n, p.Name, ErrDamaged)
		}
		if err := dropDamaged(tx, []byte(p.number)); err != nil {
			return err
		}
		if err := tx.Bucket([]byte(bucketPacks)).Delete([]byte(p.number)); err != nil {
			return err
		}
	}
	return nil
}
