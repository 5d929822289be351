// Package tree is the file-tree engine: it walks, captures, compares and
// restores directory trees exactly. Git directories, worktrees, plain files,
// volumes and container layers all go through it.
//
// Names are bytes. Links are never followed and mounts never crossed; nothing
// outside the root is ever read or written.
//
// What an entry's equality means is the Entry type; what of it is compared is
// Facts. Not part of a tree at all: access times, inode flags (chattr), and
// the extended attributes of security modules.
package tree

import (
	"context"
	"iter"

	"dogear/kind"
)

// Tree is a directory tree that the engine can work on: one on this host
// (Dir), or one that only a container can reach (package courier).
type Tree interface {
	// Entries walks the live tree in the order of kind.CompareNames and
	// yields every entry, with digests of regular files. The root itself is
	// the entry "". Unchanged files are answered from the stat index. It
	// yields kind.ErrGone if the root does not exist.
	Entries(ctx context.Context, opts Options) iter.Seq2[Entry, error]
	// Capture begins a capture.
	Capture(ctx context.Context, opts Options, sink kind.Sink) (Capture, error)
	// Compare says what Apply would do.
	Compare(ctx context.Context, opts Options, manifest kind.Object, source kind.Source) (Changes, error)
	// Apply makes the live tree what the manifest says. It touches only what
	// differs, and may be run again after being killed at any point.
	Apply(ctx context.Context, opts Options, manifest kind.Object, source kind.Source) (Changes, error)
	// Search lists the regular files that begin with something, in the order
	// of kind.CompareNames.
	Search(ctx context.Context, search Search) ([]Sighting, error)
}

// Options say what belongs to the tree, and where its stat index is.
type Options struct {
	// Nested are directories inside the tree that belong to others, relative
	// to the root: recorded as boundaries, neither entered nor touched.
	Nested []string
	// Skip selects entries that are not part of the tree at all: neither
	// captured nor removed by Apply (lock files of git, sockets of servers).
	Skip []kind.Pattern
	// Additive selects entries that Apply never removes, whether the manifest
	// has them or not.
	Additive []kind.Pattern
	// First selects entries that are read before all others, in the order of
	// the patterns (git: refs, HEAD and index before objects).
	First []kind.Pattern
	// InPlace selects files that databases update in place: captured and
	// restored page by page if they are large (see Recipe).
	InPlace []kind.Pattern
	// Timeless selects entries whose mtime alone is no reason to touch them
	// (what git touches whenever it looks). It is captured all the same, and
	// that of a directory comes back beside any other change.
	Timeless []kind.Pattern
	// Lasting selects files whose content never changes under a name, so that
	// a capture need not read them again when they were touched (git's packs).
	Lasting []kind.Pattern
	// Alike selects entries that are not compared and not touched by Apply,
	// since they differ in nothing that matters. They are captured.
	Alike []kind.Pattern
	// Within selects, if there are any, all that Compare and Apply are about.
	// Directories on the way there are made if they are missing, and otherwise
	// stay as they are.
	Within []kind.Pattern
	// Only selects, if there are any, all of the tree that is looked at, and
	// the directories on the way there: for who wants a few files of many. With
	// Compare and Apply it goes with the same Within.
	Only []kind.Pattern
	// Index keeps the stat index; nil means none.
	Index Index
	// Shared keeps what was read of the tree for as long as one look at it
	// lasts; nil: it is read each time.
	Shared *kind.Shared
	// Kept keeps what was read of the store for longer; nil: as above.
	Kept *kind.Shared
	// Traffic counts what a tree that is read elsewhere sends and is sent.
	Traffic *kind.Traffic
}

// Index keeps the stat index of one tree between runs. It is a cache.
type Index interface {
	Load() []byte
	Save(content []byte) error
}

// Capture is one capture of one tree.
type Capture interface {
	// Prepare does the heavy reading while the tree is live; it may be
	// called several times.
	Prepare(ctx context.Context) error
	// Read returns how many bytes of content were read so far.
	Read() int64
	// Take fixes the state: what differs from the last pass is copied raw.
	// Called again it fixes the state anew.
	Take(ctx context.Context) error
	// Finish stores the rest and the manifest.
	Finish(ctx context.Context) (Result, error)
	Close() error
}

// Foreseer is a Capture that knows whether what Finish returned before Take is
// what it would return after it.
type Foreseer interface {
	// CameTrue reports, after Take, whether it found just what the last Prepare
	// found and read, and since when that was so.
	CameTrue() (kind.Interval, bool)
}

// CameTrue is the method of a Capture that has it.
func CameTrue(c Capture) (kind.Interval, bool) {
	if f, ok := c.(Foreseer); ok {
		return f.CameTrue()
	}
	return kind.Interval{}, false
}

// Foresees reports whether a Capture has that method.
func Foresees(c Capture) bool {
	_, ok := c.(Foreseer)
	return ok
}

// Result is a captured tree.
type Result struct {
	Manifest kind.Object   // the entries, encoded and stored
	Held     kind.Interval // see kind.Part
	Gaps     []kind.Gap    // what could not be read; Part is left zero
	Entries  iter.Seq2[Entry, error]
	// BytesRead counts plain bytes of content read from files.
	BytesRead int64
	// Delta says how Take kept what had changed.
	Delta kind.Delta
}

// Changes is what Apply does or did.
type Changes struct {
	Created, Removed, Rewritten, Patched, Meta int // numbers of entries
	Standing                                   int // entries that are there and wanted, but for the root
	Cloned                                     int // of the rewritten and patched: made from a clone of what was there
	Bytes                                      int64
	Freed                                      int64          // of Bytes and beyond: what was there and makes room
	Chunks                                     []kind.ChunkID // needed content, each once
	Pieces                                     []kind.Piece   // what is needed of those of which not all is
	Details                                    []string       // the first 20 changes, for people
	Gaps                                       []kind.Gap     // what cannot be restored; Part is left zero
	Conflicts                                  []string       // why Apply would refuse, each with the way out
}

// Grows is by how much more is on the disk afterwards, or meanwhile.
func (c Changes) Grows() int64 { return c.Bytes - c.Freed }

// None reports whether there is nothing to do.
func (c Changes) None() bool {
	return c.Created+c.Removed+c.Rewritten+c.Patched+c.Meta == 0
}

// Fresh reports whether there is nothing of the tree yet but perhaps its root.
func (c Changes) Fresh() bool { return c.Removed+c.Standing == 0 }

// Identical reports whether everything was compared and nothing differs.
func (c Changes) Identical() bool { return c.None() && len(c.Gaps) == 0 }
