package tree

import (
	"bytes"
	"slices"

	"dogear/internal/content"
)

// sameMeta reports whether two entries of a type have the same attributes.
func sameMeta(a, b *Entry) bool {
	return a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID && a.Sec == b.Sec && a.Nsec == b.Nsec &&
		slices.EqualFunc(a.Xattrs, b.Xattrs, func(x, y Xattr) bool {
			return x.Name == y.Name && bytes.Equal(x.Value, y.Value)
		})
}

// sameContent reports whether two entries of a type that is no directory are
// the same but for their attributes. Where the holes lie does not matter.
func sameContent(live *record, want *Entry) bool {
	return !live.Unread && live.Size == want.Size && live.Digest == want.Digest &&
		live.Target == want.Target && live.Device == want.Device
}

// patchFrom is the size from which a file is worth patching.
const patchFrom = 1 << 20

// patchable reports whether writing the changed blocks in place does it: the
// file has no other name, and less than half of it changes.
func patchable(live *record, want *Entry) bool {
	if !live.InPlace || !want.InPlace || live.Unread || live.stamp.nlink != 1 ||
		len(live.Holes) > 0 || len(want.Holes) > 0 || want.Size < patchFrom {
		return false
	}
	return len(changedBlocks(live, want))*2 < len(want.Chunks)
}

// changedBlocks returns the numbers of those blocks of want that live has
// not at the same place.
func changedBlocks(live *record, want *Entry) []int {
	var changed []int
	for i, id := range want.Chunks {
		if i >= len(live.Chunks) || live.Chunks[i] != id {
			changed = append(changed, i)
		}
	}
	return changed
}

// dataSize returns the number of bytes to write for an entry.
func dataSize(e *Entry) int64 {
	size := e.Size
	for _, h := range e.Holes {
		size -= h.Length
	}
	return size
}

// blockAt returns where block i of a file lies.
func blockAt(i int) int64 { return int64(i) * content.BlockSize }
