package tree

import "dogear/kind"

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

// String returns the word for the type that facts use.
func (t Type) String() string {
	switch t {
	case Regular:
		return "file"
	case Folder:
		return "dir"
	case Symlink:
		return "link"
	case Fifo:
		return "fifo"
	case Socket:
		return "socket"
	case CharDev:
		return "char"
	case BlockDev:
		return "block"
	case Boundary:
		return "boundary"
	}
	return "unknown"
}

// Entry is one entry of a tree, with every attribute that is compared. A
// Boundary has a path and a type only.
type Entry struct {
	Path   string // relative to the root, slash-separated, any bytes; "" is the root
	Type   Type
	Mode   uint32 // permission bits with setuid, setgid and sticky (07777)
	UID    uint32
	GID    uint32
	Sec    int64 // modification time, seconds since 1970
	Nsec   int64
	Size   int64          // of a regular file
	Digest [32]byte       // of the content of a regular file: see Recipe
	Chunks []kind.ChunkID // of a regular file; without a Recipe, its data between the holes, in order
	Holes  []Extent       // of a sparse file, in order
	Target string         // of a symbolic link
	Xattrs []Xattr        // sorted by name
	Group  string         // path of the first entry that is a hard link to the same file; "" for that entry itself
	Device uint64         // of a device, as in stat
	// Recipe says where in the chunks the pages of a paged file are; nil for
	// any other. The digest of a paged file is the SHA-256 of the SHA-256 of
	// each of its blocks of content.BlockSize, that of another file is the
	// SHA-256 of its content. Holes count as zeros in both.
	Recipe *Recipe
	// Unstable says that the file never held still while it was being read.
	Unstable bool
	// Unread says that the content of a file, or the entries of a directory,
	// could not be read. Apply leaves all of it alone.
	Unread bool
}

// Extent is a range of bytes of a file.
type Extent struct{ Offset, Length int64 }

// Xattr is an extended attribute.
type Xattr struct {
	Name  string
	Value []byte
}
