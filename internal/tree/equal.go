package tree

import (
	"bytes"
	"slices"
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
	return !live.Unread && live.Size == want.Size && live.isPaged() == want.isPaged() && live.Digest == want.Digest &&
		live.Target == want.Target && live.Device == want.Device
}

// patchable reports whether writing the pages that differ in place does it:
// the file has no other name, and less than half of it changes.
func patchable(live *record, want *Entry) bool {
	return live.stamp.nlink == 1 && mostlySame(live, want)
}

// mostlySame reports whether less than half of the pages of a file differ.
func mostlySame(live *record, want *Entry) bool {
	if !live.isPaged() || !want.isPaged() || live.Unread {
		return false
	}
	return pagesAt(differing(&live.Entry, want))*2 < pagesOf(want.Size)
}

// dataSize returns the number of bytes to write for an entry.
func dataSize(e *Entry) int64 {
	size := e.Size
	for _, h := range e.Holes {
		size -= h.Length
	}
	return size
}
