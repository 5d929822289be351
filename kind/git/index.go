package git

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// errIndex says that bytes are no index that this package can read.
var errIndex = errors.New("malformed index")

// The bits of an index entry's flags, as in gitformat-index(5).
const (
	flagAssumeValid  = 0x8000
	flagExtended     = 0x4000
	flagStageShift   = 12
	flagStageMask    = 3
	flagSkipWorktree = 0x4000 // of the extended flags
	flagIntentToAdd  = 0x2000
)

const (
	indexHeader = 12
	statSize    = 40 // what precedes the object id
	modeOffset  = 24
)

// indexEntry is an entry of the index.
type indexEntry struct {
	path  string
	mode  uint32
	id    string
	stage int
	stat  []byte // the stat cache
	// assumeValid, skipWorktree and intentToAdd are the flags that a user
	// can set.
	assumeValid, skipWorktree, intentToAdd bool
}

// index is an index file, versions 2 to 4.
type index struct {
	entries    []indexEntry
	extensions map[string][]byte
}

// parseIndex reads an index whose object ids have hashSize bytes.
func parseIndex(content []byte, hashSize int) (*index, error) {
	if len(content) < indexHeader+hashSize || !bytes.HasPrefix(content, []byte("DIRC")) {
		return nil, errIndex
	}
	version := binary.BigEndian.Uint32(content[4:])
	if version < 2 || version > 4 {
		return nil, fmt.Errorf("index version %d is not known", version)
	}
	count := binary.BigEndian.Uint32(content[8:])
	p := &indexParser{cursor: cursor{content[indexHeader : len(content)-hashSize]}, hashSize: hashSize, version: version}
	ix := &index{extensions: map[string][]byte{}}
	for range count {
		entry, err := p.entry()
		if err != nil {
			return nil, err
		}
		ix.entries = append(ix.entries, entry)
	}
	return ix, p.extensions(ix.extensions)
}

type indexParser struct {
	cursor
	hashSize int
	version  uint32
	previous string // the path before, from which version 4 derives the next
}

func (p *indexParser) entry() (indexEntry, error) {
	start := len(p.rest)
	fixed, ok := p.take(statSize + p.hashSize + 2)
	if !ok {
		return indexEntry{}, errIndex
	}
	flags := binary.BigEndian.Uint16(fixed[statSize+p.hashSize:])
	entry := indexEntry{
		stat:        fixed[:statSize],
		mode:        binary.BigEndian.Uint32(fixed[modeOffset:]),
		id:          hex.EncodeToString(fixed[statSize : statSize+p.hashSize]),
		stage:       int(flags>>flagStageShift) & flagStageMask,
		assumeValid: flags&flagAssumeValid != 0,
	}
	if flags&flagExtended != 0 {
		more, ok := p.take(2)
		if !ok {
			return indexEntry{}, errIndex
		}
		extended := binary.BigEndian.Uint16(more)
		entry.skipWorktree = extended&flagSkipWorktree != 0
		entry.intentToAdd = extended&flagIntentToAdd != 0
	}
	var err error
	entry.path, err = p.path(start)
	return entry, err
}

// path reads the name of the entry that began when start bytes were left.
func (p *indexParser) path(start int) (string, error) {
	kept := ""
	if p.version == 4 {
		strip, ok := p.varint()
		if !ok || strip > len(p.previous) {
			return "", errIndex
		}
		kept = p.previous[:len(p.previous)-strip]
	}
	end := bytes.IndexByte(p.rest, 0)
	if end < 0 {
		return "", errIndex
	}
	name := kept + string(p.rest[:end])
	p.rest = p.rest[end+1:]
	p.previous = name
	if p.version == 4 {
		return name, nil
	}
	// Entries are padded with NULs, the one read included, to 8 bytes.
	if _, ok := p.take(-(start - len(p.rest)) & 7); !ok {
		return "", errIndex
	}
	return name, nil
}

func (p *indexParser) extensions(into map[string][]byte) error {
	for len(p.rest) > 0 {
		header, ok := p.take(8)
		if !ok {
			return errIndex
		}
		data, ok := p.take(int(binary.BigEndian.Uint32(header[4:])))
		if !ok {
			return errIndex
		}
		into[string(header[:4])] = data
	}
	return nil
}
