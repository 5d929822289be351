package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"dogear/internal/content"
	"dogear/kind"
)

// reachHeading begins a reach that says what differs from another one.
const reachHeading = "dogear reach 2\n"

// reachPatch says what differs between a reach and the one that it is told by.
type reachPatch struct {
	base           kind.Object
	removed, added []kind.ChunkID // ascending
}

// difference returns what makes ids of the base's.
func difference(base kind.Object, old, ids []kind.ChunkID) reachPatch {
	p := reachPatch{base: base}
	for len(old) > 0 || len(ids) > 0 {
		switch c := compareFirst(old, ids); {
		case c < 0:
			p.removed, old = append(p.removed, old[0]), old[1:]
		case c > 0:
			p.added, ids = append(p.added, ids[0]), ids[1:]
		default:
			old, ids = old[1:], ids[1:]
		}
	}
	return p
}

// compareFirst compares the first ids of two lists. The end comes after all.
func compareFirst(a, b []kind.ChunkID) int {
	if len(a) == 0 || len(b) == 0 {
		return cmp.Compare(len(b), len(a))
	}
	return compareIDs(a[0], b[0])
}

// apply is the reverse of difference.
func (p reachPatch) apply(old []kind.ChunkID) ([]kind.ChunkID, error) {
	ids := make([]kind.ChunkID, 0, len(old)+len(p.added))
	removed, added := p.removed, p.added
	for len(old) > 0 || len(added) > 0 {
		switch c := compareFirst(old, added); {
		case c == 0:
			return nil, fmt.Errorf("chunk %s is added and was there: %w", added[0], ErrDamaged)
		case c > 0:
			ids, added = append(ids, added[0]), added[1:]
		case len(removed) > 0 && removed[0] == old[0]:
			old, removed = old[1:], removed[1:]
		default:
			ids, old = append(ids, old[0]), old[1:]
		}
	}
	if len(removed) > 0 {
		return nil, fmt.Errorf("chunk %s is taken away and was not there: %w", removed[0], ErrDamaged)
	}
	return ids, nil
}

// encode returns the patch as it is stored. Its length is no multiple of that
// of an id, which tells it from a list.
func (p reachPatch) encode() []byte {
	b := append([]byte(reachHeading), 0)
	if p.base.Listed {
		b[len(reachHeading)] = 1
	}
	b = binary.AppendUvarint(b, uint64(p.base.Size))
	for _, ids := range [][]kind.ChunkID{p.base.Chunks, p.removed, p.added} {
		b = binary.AppendUvarint(b, uint64(len(ids)))
		b = append(b, content.Encode(ids)...)
	}
	if len(b)%idSize == 0 {
		b = append(b, 0)
	}
	return b
}

func decodePatch(b []byte) (p reachPatch, err error) {
	damaged := fmt.Errorf("neither a list of chunks nor what differs from one: %w", ErrDamaged)
	rest, ok := bytes.CutPrefix(b, []byte(reachHeading))
	if !ok || len(rest) == 0 || rest[0] > 1 {
		return p, damaged
	}
	p.base = kind.Object{Name: reachName, Listed: rest[0] == 1}
	size, n := binary.Uvarint(rest[1:])
	if n <= 0 || size > 1<<62 {
		return p, damaged
	}
	p.base.Size = int64(size)
	rest = rest[1+n:]
	for _, ids := range []*[]kind.ChunkID{&p.base.Chunks, &p.removed, &p.added} {
		if *ids, rest, ok = cutIDs(rest); !ok {
			return p, damaged
		}
	}
	if !bytes.Equal(p.encode(), b) {
		return p, damaged
	}
	return p, errors.Join(ascending(p.removed), ascending(p.added))
}

// cutIDs reads a number and so many ids.
func cutIDs(b []byte) (ids []kind.ChunkID, rest []byte, ok bool) {
	count, n := binary.Uvarint(b)
	if n <= 0 || count > uint64(len(b)-n)/uint64(idSize) {
		return nil, nil, false
	}
	end := n + int(count)*idSize
	ids, err := content.Decode(b[n:end])
	return ids, b[end:], err == nil
}
