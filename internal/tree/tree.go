// Package tree is the file-tree engine: it walks, captures, compares and
// restores directory trees exactly. Git directories, worktrees, plain files,
// volumes and container layers all go through it.
//
// Names are bytes. Links are never followed and mounts never crossed; nothing
// outside the root is ever read or written.
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
	// the entry "". Unchanged files are answered from the stat index.
	Entries(ctx context.Context, opts Options) iter.Seq2[Entry, error]
	// Capture begins a capture.
	Capture(ctx context.Context, opts Options, sink kind.Sink) (Capture, error)
	// Compare says what Apply would do.
	Compare(ctx context.Context, opts Options, manifest kind.Object, source kind.Source) (Changes, error)
	// Apply makes the live tree what the manifest says. It touches only what
	// differs, and may be run again after being killed at any point.
	Apply(ctx context.Context, opts Options, manifest kind.Object, source kind.Source) (Changes, error)
}

// Options say what belongs to the tree, and where its stat index is.
type Options struct {
	// Nested are directories inside the tree that belong to others, relative
	// to the root: recorded as boundaries, neither entered nor touched.
	Nested []string
	// Skip selects entries that are not part of the tree at all: neither
	// captured nor removed by Apply (lock files of git, sockets of servers).
	Skip []kind.Pattern
	// First selects entries that are read before all others, in the order of
	// the patterns (git: refs, HEAD and index before objects).
	First []kind.Pattern
	// InPlace selects files that databases update in place: cut into fixed
	// page-aligned chunks instead of content-defined ones.
	InPlace []kind.Pattern
	// Index keeps the stat index; nil means none.
	Index Index
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
	// Take fixes the state: what differs from the last pass is copied raw.
	Take(ctx context.Context) error
	// Finish stores the rest and the manifest.
	Finish(ctx context.Context) (Result, error)
	Close() error
}

// Result is a captured tree.
type Result struct {
	Manifest kind.Object   // the entries, encoded and stored
	Held     kind.Interval // see kind.Part
	Gaps     []kind.Gap    // what could not be read; Part is left zero
	Entries  iter.Seq2[Entry, error]
	// BytesRead counts plain bytes of content read from files.
	BytesRead int64
}

// Changes is what Apply does or did.
type Changes struct {
	Created, Removed, Rewritten, Patched, Meta int // numbers of entries
	Bytes                                      int64
	Chunks                                     []kind.ChunkID // needed content, each once
	Details                                    []string       // the first 20 changes, for people
}

// None reports whether there is nothing to do.
func (c Changes) None() bool {
	return c.Created+c.Removed+c.Rewritten+c.Patched+c.Meta == 0
}

// Type is the type of an entry.
type Type byte

// The types of entries. A Boundary is a directory that belongs to another
// item, or a mount point.
const (
	Regular  Type = 'f'
	Folder   Type = 'd'
	Symlink  Type = 'l'
	Fifo     Type = 'p'
	Socket   Type = 's'
	CharDev  Type = 'c'
	BlockDev Type = 'b'
	Boundary Type = 'x'
)

// Entry is one entry of a tree, with every attribute that is compared.
type Entry struct {
	Path   string // relative to the root, slash-separated, any bytes; "" is the root
	Type   Type
	Mode   uint32 // permission bits with setuid, setgid and sticky (07777)
	UID    uint32
	GID    uint32
	Sec    int64 // modification time, seconds since 1970
	Nsec   int64
	Size   int64
	Digest [32]byte       // SHA-256 of the content of a regular file
	Chunks []kind.ChunkID // of a regular file, in order; together Size bytes without holes
	Holes  []Extent       // of a sparse file, in order
	Target string         // of a symbolic link
	Xattrs []Xattr        // sorted by name
	Group  string         // path of the first entry that is a hard link to the same file; "" if none
	Device uint64         // of a device
	// Unstable says that the file never held still while it was being read.
	Unstable bool
}

// Extent is a range of bytes of a file.
type Extent struct{ Offset, Length int64 }

// Xattr is an extended attribute.
type Xattr struct {
	Name  string
	Value []byte
}
