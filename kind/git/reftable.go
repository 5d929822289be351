package git

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"strings"

	"dogear/kind"
)

// Refs in the format reftable (git's Documentation/technical/reftable) are in a
// stack of tables, each of which says what changed since those before it.

// errTable says that a file is no table, or a damaged one, or of a version that
// this package does not know.
var errTable = errors.New("not a table of refs")

const (
	tableMagic     = "REFT"
	tableIndexes   = 5*8 + 4 // positions and checksum at the end of the footer
	refBlock       = 'r'
	blockHeader    = 4
	restartSize    = 3
	restartCount   = 2
	valueDeleted   = 0
	valueID        = 1
	valuePeeled    = 2
	valueSymbolic  = 3
	valueTypeWidth = 3
)

// table is what a table says of refs.
type table struct {
	content   []byte // blocks of refs, perhaps others after them
	header    int    // its length
	blockSize int    // to which blocks are aligned, or 0
	hashSize  int
	budget    int // how many bytes of names there may still be
}

// namesPerByte is how many bytes of names a byte of a table stands for at most.
// Names begin as the one before: a small file could fill any memory.
const namesPerByte = 32

// parseTable calls yield for each ref of a table: an object id, "ref: name" for
// a symbolic ref, or "" for one that was deleted.
func parseTable(content []byte, yield func(name, value string)) error {
	t, err := openTable(content)
	if err != nil {
		return err
	}
	for at := 0; ; {
		block, next, err := t.block(at)
		if err != nil || block == nil {
			return err
		}
		if err := t.records(block, yield); err != nil {
			return err
		}
		at = next
	}
}

func openTable(content []byte) (*table, error) {
	if len(content) < 24 || string(content[:4]) != tableMagic {
		return nil, errTable
	}
	t := &table{header: 24, hashSize: 20, blockSize: int(binary.BigEndian.Uint32(content[4:]) & 0xffffff)}
	switch content[4] {
	case 1:
	case 2:
		t.header = 28
		if len(content) < t.header {
			return nil, errTable
		}
		switch string(content[24:28]) {
		case "sha1":
		case "s256":
			t.hashSize = 32
		default:
			return nil, errTable
		}
	default:
		return nil, errTable
	}
	end := len(content) - t.header - tableIndexes
	if end < t.header || !isFooter(content[end:], content[:t.header]) {
		return nil, errTable
	}
	t.content, t.budget = content[:end], namesPerByte*len(content)
	return t, nil
}

// isFooter checks the end of a table, which begins as the table does.
func isFooter(footer, header []byte) bool {
	sum := len(footer) - crc32.Size
	return bytes.HasPrefix(footer, header) && crc32.ChecksumIEEE(footer[:sum]) == binary.BigEndian.Uint32(footer[sum:])
}

// block returns the records of the block of refs at a position, and where the
// next one is; nil if there is none. The first block includes the header.
func (t *table) block(at int) (records []byte, next int, err error) {
	start := at
	if at == 0 {
		start = t.header
	}
	if start >= len(t.content) || t.content[start] != refBlock {
		return nil, 0, nil
	}
	if len(t.content)-start < blockHeader {
		return nil, 0, errTable
	}
	size := int(binary.BigEndian.Uint32(t.content[start:]) & 0xffffff)
	end, first := at+size, start+blockHeader
	if end > len(t.content) || end-restartCount < first {
		return nil, 0, errTable
	}
	restarts := int(binary.BigEndian.Uint16(t.content[end-restartCount:]))
	last := end - restartCount - restarts*restartSize
	if last < first {
		return nil, 0, errTable
	}
	next = end
	if aligned := at + t.blockSize; aligned > end && end < len(t.content) && t.content[end] == 0 {
		next = aligned // the block is filled up
	}
	return t.content[first:last], next, nil
}

// records reads the refs of a block. Each name begins as the one before it.
func (t *table) records(block []byte, yield func(name, value string)) error {
	c, name := cursor{block}, ""
	for len(c.rest) > 0 {
		kept, ok := c.varint()
		if !ok || kept > len(name) {
			return errTable
		}
		kindAndLength, ok := c.varint()
		if !ok {
			return errTable
		}
		suffix, ok := c.take(kindAndLength >> valueTypeWidth)
		if !ok {
			return errTable
		}
		if _, ok = c.varint(); !ok { // when it was changed
			return errTable
		}
		if t.budget -= kept + len(suffix); t.budget < 0 {
			return errTable
		}
		name = name[:kept] + string(suffix)
		value, ok := t.value(&c, kindAndLength&(1<<valueTypeWidth-1))
		if !ok {
			return errTable
		}
		yield(name, value)
	}
	return nil
}

func (t *table) value(c *cursor, is int) (string, bool) {
	switch is {
	case valueDeleted:
		return "", true
	case valueID:
		id, ok := c.take(t.hashSize)
		return hex.EncodeToString(id), ok
	case valuePeeled: // what a tag points to follows
		ids, ok := c.take(2 * t.hashSize)
		return hex.EncodeToString(ids[:len(ids)/2]), ok
	case valueSymbolic:
		length, ok := c.varint()
		if !ok {
			return "", false
		}
		target, ok := c.take(length)
		return "ref: " + kind.Printable(string(target)), ok
	}
	return "", false
}

// tableRefs returns what the tables of a git directory say, by name, HEAD among
// it. It is nil if there are none, or if one of them cannot be read: half the
// truth would be worse.
func (s *state) tableRefs(gitDir string) map[string]string {
	list, ok := s.content(gitDir, "reftable/tables.list")
	if !ok {
		return nil
	}
	refs, read := map[string]string{}, map[string]bool{}
	for _, name := range strings.Fields(string(list)) {
		content, ok := s.content(gitDir, "reftable/"+name)
		if !ok || read[name] {
			return nil
		}
		read[name] = true
		err := parseTable(content, func(name, value string) {
			if value == "" {
				delete(refs, name)
			} else {
				refs[name] = value
			}
		})
		if err != nil {
			return nil
		}
	}
	return refs
}

// pseudoFacts are those refs in tables that are files in other repositories
// (ORIG_HEAD), under the names that these have.
func (s *state) pseudoFacts(gitDir string, refs map[string]string) []kind.Fact {
	var facts []kind.Fact
	for name, value := range refs {
		_, isFile := s.files[gitDir+"/"+name]
		if name != "HEAD" && !strings.HasPrefix(name, "refs/") && !isFile {
			facts = append(facts, kind.Fact{Name: "state " + name, Value: value})
		}
	}
	return facts
}

// pseudo returns what a ref outside refs/ says, in a file or a table.
func (s *state) pseudo(gitDir, name string) string {
	if id := s.tableRefs(gitDir)[name]; id != "" {
		return id
	}
	return s.line(gitDir, name)
}
