package tree

import "encoding/binary"

// The encoding of an entry, version 2. Numbers are varints (signed ones
// zigzag) as in encoding/binary, strings a length and their bytes.
//
//	shared   length of the prefix shared with the path before
//	suffix   string: the rest of the path
//	type     byte
//	flags    byte, see below
//	mode uid gid
//	sec      signed
//	nsec
//	size     of a regular file; then
//	           digest   32 bytes, unless flagOneChunk
//	           n, then n chunk ids of 32 bytes
//	           n numbers: pages of each chunk       if flagPaged
//	           runs until the file is covered       if flagPaged: pages times 4,
//	             plus 0 for zeros; plus 2 if unstored, in a stat index only;
//	             plus 1 for pages of a chunk, then the chunk: signed, less
//	             that of the last such run, and the first page within it
//	           n, then n holes: offset, length     if flagHoles
//	target   string, of a symbolic link
//	device   of a device
//	n, then n times: name, value (strings)         if flagXattrs
//	group    string                                if flagGroup
//
// A boundary ends after its flags.
const (
	flagOneChunk = 1 << iota // the digest is that of the only chunk
	flagHoles
	flagXattrs
	flagGroup
	flagPaged
	flagUnstable
	flagUnread
	flagsKnown = 1<<iota - 1
)

// What a run is of.
const (
	runOfZeros = iota
	runOfChunk
	runUnstored
)

// encoder appends entries to a buffer.
type encoder struct {
	buf  []byte
	path string // of the entry before
}

func (e *encoder) entry(x *Entry) {
	e.pathname(x.Path)
	flags := flagsOf(x)
	e.buf = append(e.buf, byte(x.Type), flags)
	if x.Type == Boundary {
		return
	}
	e.uints(uint64(x.Mode), uint64(x.UID), uint64(x.GID))
	e.ints(x.Sec)
	e.uints(uint64(x.Nsec))
	switch x.Type {
	case Regular:
		e.content(x, flags)
	case Symlink:
		e.str(x.Target)
	case CharDev, BlockDev:
		e.uints(x.Device)
	}
	e.xattrs(x.Xattrs)
	if x.Group != "" {
		e.str(x.Group)
	}
}

func flagsOf(x *Entry) byte {
	var flags byte
	set := func(flag byte, on bool) {
		if on {
			flags |= flag
		}
	}
	set(flagOneChunk, len(x.Chunks) == 1 && x.Chunks[0] == x.Digest)
	set(flagHoles, len(x.Holes) > 0)
	set(flagXattrs, len(x.Xattrs) > 0)
	set(flagGroup, x.Group != "")
	set(flagPaged, x.Recipe != nil)
	set(flagUnstable, x.Unstable)
	set(flagUnread, x.Unread)
	return flags
}

func (e *encoder) pathname(path string) {
	shared := 0
	for shared < min(len(path), len(e.path)) && path[shared] == e.path[shared] {
		shared++
	}
	e.uints(uint64(shared))
	e.str(path[shared:])
	e.path = path
}

func (e *encoder) content(x *Entry, flags byte) {
	e.uints(uint64(x.Size))
	if flags&flagOneChunk == 0 {
		e.buf = append(e.buf, x.Digest[:]...)
	}
	e.uints(uint64(len(x.Chunks)))
	for _, id := range x.Chunks {
		e.buf = append(e.buf, id[:]...)
	}
	if x.Recipe != nil {
		e.recipe(x.Recipe)
	}
	if len(x.Holes) == 0 {
		return
	}
	e.uints(uint64(len(x.Holes)))
	for _, h := range x.Holes {
		e.uints(uint64(h.Offset), uint64(h.Length))
	}
}

func (e *encoder) recipe(r *Recipe) {
	for _, n := range r.Pages {
		e.uints(uint64(n))
	}
	last := int32(0)
	for _, run := range r.Runs {
		of := uint64(runOfChunk)
		switch run.Chunk {
		case zeros:
			of = runOfZeros
		case unstored:
			of = runUnstored
		}
		if e.uints(uint64(run.Pages)<<2 | of); of != runOfChunk {
			continue
		}
		e.ints(int64(run.Chunk) - int64(last))
		e.uints(uint64(run.First))
		last = run.Chunk
	}
}

func (e *encoder) xattrs(xattrs []Xattr) {
	if len(xattrs) == 0 {
		return
	}
	e.uints(uint64(len(xattrs)))
	for _, a := range xattrs {
		e.str(a.Name)
		e.str(string(a.Value))
	}
}

func (e *encoder) uints(values ...uint64) {
	for _, v := range values {
		e.buf = binary.AppendUvarint(e.buf, v)
	}
}

func (e *encoder) ints(values ...int64) {
	for _, v := range values {
		e.buf = binary.AppendVarint(e.buf, v)
	}
}

func (e *encoder) str(s string) {
	e.uints(uint64(len(s)))
	e.buf = append(e.buf, s...)
}
