package git

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// A split index ("link" extension, gitformat-index(5)) holds the changes to a
// shared index file: a bitmap of entries that are deleted, one of entries
// that are replaced by its own first, nameless ones, and further entries.

// link returns the name of the shared index file, or "".
func (ix *index) link(hashSize int) string {
	data := ix.extensions["link"]
	if len(data) < hashSize || bytes.Equal(data[:hashSize], make([]byte, hashSize)) {
		return ""
	}
	return "sharedindex." + hex.EncodeToString(data[:hashSize])
}

// join applies a split index to its shared one.
func (ix *index) join(base *index, hashSize int) error {
	deleted, replaced, err := parseLink(ix.extensions["link"][hashSize:], len(base.entries))
	if err != nil {
		return err
	}
	var joined []indexEntry
	own := ix.entries
	for i, entry := range base.entries {
		if replaced[i] {
			if len(own) == 0 || own[0].path != "" {
				return errIndex
			}
			name := entry.path
			entry, own = own[0], own[1:]
			entry.path = name
		}
		if !deleted[i] {
			joined = append(joined, entry)
		}
	}
	joined = append(joined, own...)
	slices.SortFunc(joined, func(a, b indexEntry) int {
		return cmp.Or(strings.Compare(a.path, b.path), a.stage-b.stage)
	})
	ix.entries = joined
	return nil
}

func parseLink(data []byte, entries int) (deleted, replaced map[int]bool, err error) {
	if len(data) == 0 {
		return nil, nil, nil
	}
	deleted, data, err = parseBitmap(data, entries)
	if err != nil {
		return nil, nil, err
	}
	replaced, _, err = parseBitmap(data, entries)
	return deleted, replaced, err
}

var errBitmap = errors.New("malformed bitmap in the index")

// parseBitmap reads an EWAH bitmap: the number of bits, the number of 64-bit
// words, the words, and the position of the last marker. A marker word holds
// a bit, how many words consist of that bit alone, and how many literal words
// follow. A bitmap has no more bits than there are entries.
func parseBitmap(data []byte, entries int) (set map[int]bool, rest []byte, err error) {
	if len(data) < 8 {
		return nil, nil, errBitmap
	}
	bits, words := int(binary.BigEndian.Uint32(data)), int(binary.BigEndian.Uint32(data[4:]))
	data = data[8:]
	if bits > entries || len(data) < words*8+4 {
		return nil, nil, errBitmap
	}
	set = map[int]bool{}
	position := 0
	for i := 0; i < words; {
		marker := binary.BigEndian.Uint64(data[i*8:])
		run, literals := int(marker>>1&0xffffffff), int(marker>>33)
		i++
		if i+literals > words || run > bits/64+1 {
			return nil, nil, errBitmap
		}
		if marker&1 != 0 {
			for bit := position; bit < position+run*64; bit++ {
				set[bit] = true
			}
		}
		position += run * 64
		for range literals {
			setBits(set, binary.BigEndian.Uint64(data[i*8:]), position)
			position += 64
			i++
		}
	}
	return set, data[words*8+4:], nil
}

func setBits(set map[int]bool, word uint64, position int) {
	for bit := range 64 {
		if word>>bit&1 != 0 {
			set[position+bit] = true
		}
	}
}
