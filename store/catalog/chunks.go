package catalog

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"dogear/kind"
	"dogear/store/chunk"

	"go.etcd.io/bbolt"
)

const (
	packValueSize  = 16 + 8
	chunkValueSize = 8 + 8 + 4 + 4 + 4 + 4 + 1
)

// Location says in which pack a chunk is, and where in it.
type Location struct {
	Pack string // the pack's name
	chunk.Location
}

// Pack is a pack as the catalog knows it.
type Pack struct {
	Name string
	Size int64
}

// Known reports for each chunk whether the catalog lists it.
func (c *Catalog) Known(ids []kind.ChunkID) ([]bool, error) {
	known := make([]bool, len(ids))
	err := c.view(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(bucketChunks))
		for i := range ids {
			known[i] = bucket.Get(ids[i][:]) != nil
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up chunks: %w", err)
	}
	return known, nil
}

// Locate says where a chunk is, and whether it is listed.
func (c *Catalog) Locate(id kind.ChunkID) (where Location, found bool, err error) {
	err = c.view(func(tx *bbolt.Tx) error {
		value := tx.Bucket([]byte(bucketChunks)).Get(id[:])
		if value == nil {
			return nil
		}
		found = true
		where, err = decodeLocation(tx, value)
		return err
	})
	if err != nil {
		return Location{}, false, fmt.Errorf("look up chunk %s: %w", id, err)
	}
	return where, found, nil
}

// Packs returns all packs, in the order in which they were listed.
func (c *Catalog) Packs() ([]Pack, error) {
	var packs []Pack
	err := c.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketPacks)).ForEach(func(_, value []byte) error {
			pack, err := decodePack(value)
			packs = append(packs, pack)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list packs: %w", err)
	}
	return packs, nil
}

// EachChunk calls f for every chunk, in the order of ids.
func (c *Catalog) EachChunk(f func(id kind.ChunkID, where Location) error) error {
	return c.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketChunks)).ForEach(func(key, value []byte) error {
			if len(key) != len(kind.ChunkID{}) {
				return fmt.Errorf("chunk id of %d bytes: %w", len(key), ErrDamaged)
			}
			where, err := decodeLocation(tx, value)
			if err != nil {
				return err
			}
			return f(kind.ChunkID(key), where)
		})
	})
}

// placed is a chunk on its way into the catalog.
type placed struct {
	id    kind.ChunkID
	value []byte
}

// putPacks lists packs and those of their chunks that are not listed yet. All
// chunks go in together, in the order of the keys: bbolt keeps what one
// transaction adds between two old keys in one page until the end, and
// inserting anywhere but at its end moves the rest.
func putPacks(tx *bbolt.Tx, packs []chunk.Pack) error {
	var all []placed
	for _, p := range packs {
		number, err := putPack(tx, Pack{Name: p.Name, Size: p.Size})
		if err != nil {
			return err
		}
		for _, e := range p.Index.Chunks {
			all = append(all, placed{e.ID, encodeLocation(number, e.Location)})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return bytes.Compare(a.id[:], b.id[:]) })
	chunks := tx.Bucket([]byte(bucketChunks))
	for _, c := range all {
		if chunks.Get(c.id[:]) != nil {
			continue
		}
		if err := chunks.Put(c.id[:], c.value); err != nil {
			return err
		}
	}
	return nil
}

// putPack lists a pack and returns its number.
func putPack(tx *bbolt.Tx, pack Pack) (uint64, error) {
	packs := tx.Bucket([]byte(bucketPacks))
	number, err := packs.NextSequence()
	if err != nil {
		return 0, err
	}
	value, err := encodePack(pack)
	if err != nil {
		return 0, err
	}
	return number, packs.Put(binary.BigEndian.AppendUint64(nil, number), value)
}

func encodePack(p Pack) ([]byte, error) {
	name, err := hex.DecodeString(p.Name)
	if err != nil || len(name) != 16 {
		return nil, fmt.Errorf("pack name %q is not 32 hexadecimal digits", p.Name)
	}
	return binary.BigEndian.AppendUint64(name, uint64(p.Size)), nil
}

func decodePack(value []byte) (Pack, error) {
	if len(value) != packValueSize {
		return Pack{}, fmt.Errorf("pack entry of %d bytes: %w", len(value), ErrDamaged)
	}
	return Pack{Name: hex.EncodeToString(value[:16]), Size: int64(binary.BigEndian.Uint64(value[16:]))}, nil
}

func encodeLocation(pack uint64, l chunk.Location) []byte {
	b := make([]byte, 0, chunkValueSize)
	b = binary.BigEndian.AppendUint64(b, pack)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Offset))
	b = binary.BigEndian.AppendUint32(b, l.Stored)
	b = binary.BigEndian.AppendUint32(b, l.Plain)
	b = binary.BigEndian.AppendUint32(b, l.At)
	b = binary.BigEndian.AppendUint32(b, l.Length)
	return append(b, byte(l.Codec))
}

func decodeLocation(tx *bbolt.Tx, b []byte) (Location, error) {
	if len(b) != chunkValueSize {
		return Location{}, fmt.Errorf("chunk entry of %d bytes: %w", len(b), ErrDamaged)
	}
	value := tx.Bucket([]byte(bucketPacks)).Get(b[:8])
	if value == nil {
		return Location{}, fmt.Errorf("chunk in a pack that is not listed: %w", ErrDamaged)
	}
	pack, err := decodePack(value)
	if err != nil {
		return Location{}, err
	}
	return Location{Pack: pack.Name, Location: chunk.Location{
		Offset: int64(binary.BigEndian.Uint64(b[8:])),
		Stored: binary.BigEndian.Uint32(b[16:]),
		Plain:  binary.BigEndian.Uint32(b[20:]),
		At:     binary.BigEndian.Uint32(b[24:]),
		Length: binary.BigEndian.Uint32(b[28:]),
		Codec:  chunk.Codec(b[32]),
	}}, nil
}
