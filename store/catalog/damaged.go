package catalog

import (
	"bytes"
	"fmt"
	"slices"

	"dogear/kind"
	"dogear/store/chunk"

	"go.etcd.io/bbolt"
)

// Copy is the copy of a chunk in one pack.
type Copy struct {
	Pack   string // the pack's name
	ID     kind.ChunkID
	Listed bool // this copy is the one that is read
}

// damaged are the copies that are noted as damaged, by pack and chunk: one
// chunk may be in several packs.
type damaged struct{ *bbolt.Bucket }

func damagedIn(tx *bbolt.Tx) damaged { return damaged{tx.Bucket([]byte(bucketDamaged))} }

// at reports whether the copy at a place, an entry of the list of chunks, is
// noted as damaged.
func (d damaged) at(place []byte, id kind.ChunkID) bool {
	return len(place) >= 8 && d.Get(damagedKey(place[:8], id)) != nil
}

func damagedKey(number []byte, id kind.ChunkID) []byte {
	return append(slices.Clone(number), id[:]...)
}

// SetDamaged notes which copies in a pack are damaged, in place of what was
// noted of it. What is noted there is not Known.
func (c *Catalog) SetDamaged(pack Pack, ids []kind.ChunkID) error {
	number := []byte(pack.number)
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b kind.ChunkID) int { return bytes.Compare(a[:], b[:]) })
	same := false
	err := c.view(func(tx *bbolt.Tx) error {
		noted := keys(damagedIn(tx).Bucket, number)
		same = slices.EqualFunc(ids, noted, func(id kind.ChunkID, key []byte) bool { return bytes.Equal(id[:], key) })
		return nil
	})
	if err == nil && !same {
		err = c.update(func(tx *bbolt.Tx) error { return setDamaged(tx, number, ids) })
	}
	if err != nil {
		return fmt.Errorf("note what is damaged: %w", err)
	}
	return nil
}

func setDamaged(tx *bbolt.Tx, number []byte, ids []kind.ChunkID) error {
	if err := dropDamaged(tx, number); err != nil {
		return err
	}
	if tx.Bucket([]byte(bucketPacks)).Get(number) == nil {
		return nil // it was collected meanwhile
	}
	for _, id := range ids {
		if err := damagedIn(tx).Put(damagedKey(number, id), nil); err != nil {
			return err
		}
	}
	return nil
}

// dropDamaged forgets what is noted of a pack.
func dropDamaged(tx *bbolt.Tx, number []byte) error {
	for _, id := range keys(damagedIn(tx).Bucket, number) {
		if err := damagedIn(tx).Delete(slices.Concat(number, id)); err != nil {
			return err
		}
	}
	return nil
}

// NoteDamaged notes that the copy of a chunk that is read is damaged, if it
// still is where it was read.
func (c *Catalog) NoteDamaged(id kind.ChunkID, where Location) error {
	err := c.update(func(tx *bbolt.Tx) error {
		value := tx.Bucket([]byte(bucketChunks)).Get(id[:])
		if value == nil {
			return nil
		}
		now, err := decodeLocation(value, func(number []byte) (Pack, error) { return packAt(tx, number) })
		if err != nil || now != where {
			return err
		}
		return damagedIn(tx).Put(damagedKey(value[:8], id), nil)
	})
	if err != nil {
		return fmt.Errorf("note what is damaged: %w", err)
	}
	return nil
}

// Damaged returns the copies that are noted as damaged, in the order of packs.
func (c *Catalog) Damaged() ([]Copy, error) {
	var copies []Copy
	err := c.view(func(tx *bbolt.Tx) error {
		chunks := tx.Bucket([]byte(bucketChunks))
		for _, key := range keys(damagedIn(tx).Bucket, nil) {
			if len(key) != 8+len(kind.ChunkID{}) {
				return fmt.Errorf("damaged copy named by %d bytes: %w", len(key), ErrDamaged)
			}
			pack, err := packAt(tx, key[:8])
			if err != nil {
				return err
			}
			listed := bytes.HasPrefix(chunks.Get(key[8:]), key[:8])
			copies = append(copies, Copy{Pack: pack.Name, ID: kind.ChunkID(key[8:]), Listed: listed})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list what is damaged: %w", err)
	}
	return copies, nil
}

// Move lists another copy of a chunk, if the listed one is noted as damaged.
func (c *Catalog) Move(id kind.ChunkID, to Pack, where chunk.Location) error {
	err := c.update(func(tx *bbolt.Tx) error {
		chunks := tx.Bucket([]byte(bucketChunks))
		value := chunks.Get(id[:])
		if value == nil || !damagedIn(tx).at(value, id) {
			return nil
		}
		pack, err := packAt(tx, []byte(to.number))
		if err != nil {
			return err
		}
		if err := leave(tx, value); err != nil {
			return err
		}
		pack.Chunks++
		if err := putPack(tx, []byte(to.number), pack); err != nil {
			return err
		}
		return chunks.Put(id[:], encodeLocation([]byte(to.number), where))
	})
	if err != nil {
		return fmt.Errorf("update catalog: %w", err)
	}
	return nil
}

// leave counts a chunk less in the pack in which it is listed.
func leave(tx *bbolt.Tx, place []byte) error {
	if len(place) != chunkValueSize {
		return fmt.Errorf("chunk entry of %d bytes: %w", len(place), ErrDamaged)
	}
	pack, err := packAt(tx, place[:8])
	if err != nil {
		return err
	}
	pack.Chunks--
	return putPack(tx, place[:8], pack)
}

// In returns the chunks that are listed as being in a pack.
func (c *Catalog) In(pack Pack) (entries []chunk.Entry, err error) {
	err = c.EachChunk(func(id kind.ChunkID, where Location) error {
		if where.Pack == pack.Name {
			entries = append(entries, chunk.Entry{ID: id, Location: where.Location})
		}
		return nil
	})
	return entries, err
}
