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
	packValueSize  = 16 + 8 + 4
	chunkValueSize = 8 + 8 + 4 + 4 + 4 + 4 + 1
)

// Location says in which pack a chunk is, and where in it.
type Location struct {
	Pack string // the pack's name
	chunk.Location
}

// Pack is a pack as the catalog knows it.
type Pack struct {
	Name   string
	Size   int64
	Chunks uint32 // how many are listed as being in it

	number string // its key
}

// Known reports for each chunk whether the catalog lists it, in a place that is
// not noted as damaged.
func (c *Catalog) Known(ids []kind.ChunkID) ([]bool, error) {
	known := make([]bool, len(ids))
	err := c.view(func(tx *bbolt.Tx) error {
		bucket, damaged := tx.Bucket([]byte(bucketChunks)), damagedIn(tx)
		for i := range ids {
			value := bucket.Get(ids[i][:])
			known[i] = value != nil && !damaged.at(value, ids[i])
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
		where, err = decodeLocation(value, func(number []byte) (Pack, error) { return packAt(tx, number) })
		return err
	})
	if err != nil {
		return Location{}, false, fmt.Errorf("look up chunk %s: %w", id, err)
	}
	return where, found, nil
}

func packAt(tx *bbolt.Tx, number []byte) (Pack, error) {
	value := tx.Bucket([]byte(bucketPacks)).Get(number)
	if value == nil {
		return Pack{}, fmt.Errorf("chunk in a pack that is not listed: %w", ErrDamaged)
	}
	return decodePack(value)
}

// Packs returns all packs, in the order in which they were listed.
func (c *Catalog) Packs() ([]Pack, error) {
	var packs []Pack
	err := c.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketPacks)).ForEach(func(number, value []byte) error {
			pack, err := decodePack(value)
			pack.number = string(number)
			packs = append(packs, pack)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list packs: %w", err)
	}
	return packs, nil
}

// Placed returns those chunks of a pack that the catalog lists as being in it.
// It returns ErrDamaged if it lists one of them elsewhere in that pack: the
// same chunk twice in one pack is never written.
func (c *Catalog) Placed(pack Pack, entries []chunk.Entry) (placed []chunk.Entry, err error) {
	err = c.view(func(tx *bbolt.Tx) error {
		chunks := tx.Bucket([]byte(bucketChunks))
		for _, e := range entries {
			value := chunks.Get(e.ID[:])
			if !bytes.HasPrefix(value, []byte(pack.number)) {
				continue
			}
			if !bytes.Equal(value, encodeLocation([]byte(pack.number), e.Location)) {
				return fmt.Errorf("the catalog has chunk %s elsewhere in the pack: %w", e.ID, ErrDamaged)
			}
			placed = append(placed, e)
		}
		return nil
	})
	return placed, err
}

// EachChunk calls f for every chunk, in the order of ids.
func (c *Catalog) EachChunk(f func(id kind.ChunkID, where Location) error) error {
	return c.view(func(tx *bbolt.Tx) error {
		packs, err := packsByNumber(tx)
		if err != nil {
			return err
		}
		return tx.Bucket([]byte(bucketChunks)).ForEach(func(key, value []byte) error {
			if len(key) != len(kind.ChunkID{}) {
				return fmt.Errorf("chunk id of %d bytes: %w", len(key), ErrDamaged)
			}
			where, err := decodeLocation(value, packs.get)
			if err != nil {
				return err
			}
			return f(kind.ChunkID(key), where)
		})
	})
}

// numbered are packs by the keys of their bucket.
type numbered map[string]Pack

func packsByNumber(tx *bbolt.Tx) (numbered, error) {
	packs := make(numbered)
	err := tx.Bucket([]byte(bucketPacks)).ForEach(func(key, value []byte) (err error) {
		packs[string(key)], err = decodePack(value)
		return err
	})
	return packs, err
}

func (n numbered) get(number []byte) (Pack, error) {
	pack, ok := n[string(number)]
	if !ok {
		return Pack{}, fmt.Errorf("chunk in a pack that is not listed: %w", ErrDamaged)
	}
	return pack, nil
}

// placed is a chunk on its way into the catalog.
type placed struct {
	pack  int // which of the packs
	id    kind.ChunkID
	value []byte
}

// putPacks lists packs and those of their chunks that are not listed yet, or in
// a place that is noted as damaged. All chunks go in together, in the order of the keys: bbolt keeps what one
// transaction adds between two old keys in one page until the end, and
// inserting anywhere but at its end moves the rest.
func putPacks(tx *bbolt.Tx, packs []chunk.Pack) error {
	next, err := nextNumber(tx)
	if err != nil {
		return err
	}
	var all []placed
	for i, p := range packs {
		number := packNumber(next + uint64(i))
		for _, e := range p.Index.Chunks {
			all = append(all, placed{i, e.ID, encodeLocation(number, e.Location)})
		}
	}
	counts, err := putChunks(tx, all)
	if err != nil {
		return err
	}
	for i, p := range packs {
		pack := Pack{Name: p.Name, Size: p.Size, Chunks: counts[i]}
		if err := putPack(tx, packNumber(next+uint64(i)), pack); err != nil {
			return err
		}
	}
	return nil
}

// putChunks returns how many chunks it listed of each pack.
func putChunks(tx *bbolt.Tx, all []placed) (map[int]uint32, error) {
	slices.SortStableFunc(all, func(a, b placed) int { return bytes.Compare(a.id[:], b.id[:]) })
	chunks, damaged, counts := tx.Bucket([]byte(bucketChunks)), damagedIn(tx), make(map[int]uint32)
	for _, c := range all {
		if value := chunks.Get(c.id[:]); value != nil {
			if !damaged.at(value, c.id) {
				continue
			}
			if err := leave(tx, value); err != nil {
				return nil, err
			}
		}
		if err := chunks.Put(c.id[:], c.value); err != nil {
			return nil, err
		}
		counts[c.pack]++
	}
	return counts, nil
}

func putPack(tx *bbolt.Tx, number []byte, pack Pack) error {
	value, err := encodePack(pack)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketPacks)).Put(number, value)
}

// nextNumber returns the number for the next pack: one more than the last.
func nextNumber(tx *bbolt.Tx) (uint64, error) {
	last, _ := tx.Bucket([]byte(bucketPacks)).Cursor().Last()
	if last == nil {
		return 1, nil
	}
	if len(last) != 8 {
		return 0, fmt.Errorf("pack number of %d bytes: %w", len(last), ErrDamaged)
	}
	return binary.BigEndian.Uint64(last) + 1, nil
}

func packNumber(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func encodePack(p Pack) ([]byte, error) {
	name, err := hex.DecodeString(p.Name)
	if err != nil || len(name) != 16 {
		return nil, fmt.Errorf("pack name %q is not 32 hexadecimal digits", p.Name)
	}
	b := binary.BigEndian.AppendUint64(name, uint64(p.Size))
	return binary.BigEndian.AppendUint32(b, p.Chunks), nil
}

func decodePack(value []byte) (Pack, error) {
	if len(value) != packValueSize {
		return Pack{}, fmt.Errorf("pack entry of %d bytes: %w", len(value), ErrDamaged)
	}
	return Pack{
		Name:   hex.EncodeToString(value[:16]),
		Size:   int64(binary.BigEndian.Uint64(value[16:])),
		Chunks: binary.BigEndian.Uint32(value[24:]),
	}, nil
}

func encodeLocation(pack []byte, l chunk.Location) []byte {
	b := append(make([]byte, 0, chunkValueSize), pack...)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Offset))
	b = binary.BigEndian.AppendUint32(b, l.Stored)
	b = binary.BigEndian.AppendUint32(b, l.Plain)
	b = binary.BigEndian.AppendUint32(b, l.At)
	b = binary.BigEndian.AppendUint32(b, l.Length)
	return append(b, byte(l.Codec))
}

func decodeLocation(b []byte, packOf func(number []byte) (Pack, error)) (Location, error) {
	if len(b) != chunkValueSize {
		return Location{}, fmt.Errorf("chunk entry of %d bytes: %w", len(b), ErrDamaged)
	}
	pack, err := packOf(b[:8])
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
