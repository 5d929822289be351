package tree

import (
	"time"

	"dogear/kind"
)

// record is an entry as it was read, with what is needed to tell later
// whether it is still so.
type record struct {
	Entry
	stamp stamp
	// readAt is a time before the stamp was taken and the content read.
	readAt time.Time
	// pages is of a paged file; nil if it is to be read from the spill.
	pages *pages
	// stored says that the sink has the chunks.
	stored bool
	// indexed says that the stat index holds the record.
	indexed bool
	// spilled is where the content lies in the spill file until it is stored.
	spilled *spilled
	// kept is what was known of a lasting file, unless its content was read.
	kept *record
	// why says why an entry is Unread.
	why string
}

// holds reports whether a node is still as it was recorded.
func (r *record) holds(n *node) bool {
	return n.typ != Boundary && r.stamp == n.stamp && !r.Unread && r.stamp.settles().Before(r.readAt)
}

// isSettled reports whether a record is of all that was in a file as long as it
// has that stamp.
func (r *record) isSettled() bool { return !r.Unstable && r.stamp.settles().Before(r.readAt) }

// setGroups names the first link of every file with several.
func setGroups(records []record) {
	firsts := make(map[inode]string)
	for i := range records {
		r := &records[i]
		r.Group = ""
		if r.Type == Boundary || !r.stamp.linked() {
			continue
		}
		if first, ok := firsts[r.stamp.inode()]; ok {
			r.Group = first
		} else {
			firsts[r.stamp.inode()] = r.Path
		}
	}
}

// gapsOf lists what could not be read.
func gapsOf(records []record) []kind.Gap {
	var gaps []kind.Gap
	for i := range records {
		if r := &records[i]; r.Unread {
			gaps = append(gaps, kind.Gap{What: kind.Printable(orDot(r.Path)), Why: r.why})
		}
	}
	return gaps
}

// orDot names the root.
func orDot(path string) string {
	if path == "" {
		return "."
	}
	return path
}
