package rdb

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"strconv"
)

// Type is what the TYPE command says of a key.
type Type string

// The types.
const (
	String Type = "string"
	List   Type = "list"
	Set    Type = "set"
	Hash   Type = "hash"
	ZSet   Type = "zset"
	Stream Type = "stream"
	Module Type = "module"
)

// unpack is a way to read elements that are packed in one string.
type unpack func([]byte) ([][]byte, error)

// value reads a value in one of the encodings of rdb.h.
func (in *input) value(encoding byte) (Type, Digest, error) {
	var d Digest
	var err error
	t := String
	switch encoding {
	case 0:
		h := sha256.New()
		err = in.hashText(h)
		d = Digest(h.Sum(nil))
	case 1, 10, 14, 18:
		t = List
		d, err = in.list(encoding)
	case 2:
		t = Set
		d, err = in.plain(1)
	case 11:
		t = Set
		d, err = in.packed(intset, 1, nil)
	case 20:
		t = Set
		d, err = in.packed(listpack, 1, nil)
	case 3:
		t = ZSet
		d, err = in.scored(in.scoreText)
	case 5:
		t = ZSet
		d, err = in.scored(in.uint64)
	case 12:
		t = ZSet
		d, err = in.packed(ziplist, 2, in.canonicalScore)
	case 17:
		t = ZSet
		d, err = in.packed(listpack, 2, in.canonicalScore)
	case 4:
		t = Hash
		d, err = in.plain(2)
	case 13:
		t = Hash
		d, err = in.packed(ziplist, 2, nil)
	case 16:
		t = Hash
		d, err = in.packed(listpack, 2, nil)
	case 24:
		t = Hash
		d, err = in.perishingHash()
	case 25:
		t = Hash
		if _, err = in.uint64(); err == nil { // the first deadline of a field
			d, err = in.packed(listpack, 3, in.withoutNoDeadline)
		}
	case 15, 19, 21:
		t = Stream
		d, err = in.stream(encoding)
	case 7:
		t = Module
		d, err = in.module()
	default:
		err = fmt.Errorf("values of encoding %d are not known here", encoding)
	}
	return t, d, err
}

// canonical changes one member of what has no order, so that the same member
// is always the same, and notes what of it can be shown.
type canonical func(member [][]byte) error

// plain reads members that consist of so many strings each.
func (in *input) plain(each int) (Digest, error) {
	n, err := in.number()
	if err != nil {
		return Digest{}, err
	}
	var sum Sum
	member := make([][]byte, each)
	for range n {
		for i := range member {
			if member[i], err = in.text(); err != nil {
				return Digest{}, err
			}
		}
		in.see(member...)
		sum.Add(digest(member...))
	}
	return sum.Digest(), nil
}

// packed is plain for members that are packed in one string.
func (in *input) packed(open unpack, each int, change canonical) (Digest, error) {
	elements, err := in.unpacked(open)
	if err != nil {
		return Digest{}, err
	}
	if len(elements)%each != 0 {
		return Digest{}, errPacked
	}
	var sum Sum
	for ; len(elements) > 0; elements = elements[each:] {
		member := elements[:each]
		if change == nil {
			in.see(member...)
		} else {
			if err := change(member); err != nil {
				return Digest{}, err
			}
		}
		sum.Add(digest(trimmed(member)...))
	}
	return sum.Digest(), nil
}

func (in *input) unpacked(open unpack) ([][]byte, error) {
	text, err := in.text()
	if err != nil {
		return nil, err
	}
	return open(text)
}

// trimmed leaves out what a member says nothing with.
func trimmed(member [][]byte) [][]byte {
	for len(member) > 0 && member[len(member)-1] == nil {
		member = member[:len(member)-1]
	}
	return member
}

func (in *input) canonicalScore(member [][]byte) error {
	score, err := strconv.ParseFloat(string(member[1]), 64)
	if err != nil {
		return fmt.Errorf("score %q: %w", member[1], errPacked)
	}
	in.see(member[0], readable(score))
	member[1] = scoreBytes(score)
	return nil
}

// readable is a score as people read it.
func readable(score float64) []byte { return strconv.AppendFloat(nil, score, 'g', -1, 64) }

func scoreBytes(score float64) []byte {
	return binary.BigEndian.AppendUint64(nil, math.Float64bits(score))
}

// withoutNoDeadline makes a field without a deadline the same as one of a hash
// that has none at all.
func (in *input) withoutNoDeadline(member [][]byte) error {
	in.see(member[:2]...)
	if string(member[2]) == "0" {
		member[2] = nil
	}
	return nil
}

// scored reads members with a score that read reads.
func (in *input) scored(read func() (uint64, error)) (Digest, error) {
	n, err := in.number()
	if err != nil {
		return Digest{}, err
	}
	var sum Sum
	for range n {
		member, err := in.text()
		if err != nil {
			return Digest{}, err
		}
		score, err := read()
		if err != nil {
			return Digest{}, err
		}
		in.see(member, readable(math.Float64frombits(score)))
		sum.Add(digest(member, binary.BigEndian.AppendUint64(nil, score)))
	}
	return sum.Digest(), nil
}

// scoreText reads a score in the form that was used before version 3.2.
func (in *input) scoreText() (uint64, error) {
	n, err := in.byte()
	if err != nil {
		return 0, err
	}
	switch n {
	case 253:
		return math.Float64bits(math.NaN()), nil
	case 254:
		return math.Float64bits(math.Inf(1)), nil
	case 255:
		return math.Float64bits(math.Inf(-1)), nil
	}
	text, err := in.bytes(uint64(n))
	if err != nil {
		return 0, err
	}
	score, err := strconv.ParseFloat(string(text), 64)
	return math.Float64bits(score), err
}

// perishingHash reads a hash whose fields may have deadlines, given as
// distances from the first of them.
func (in *input) perishingHash() (Digest, error) {
	first, err := in.uint64()
	if err != nil {
		return Digest{}, err
	}
	n, err := in.number()
	if err != nil {
		return Digest{}, err
	}
	var sum Sum
	for range n {
		distance, err := in.number()
		if err != nil {
			return Digest{}, err
		}
		field, err := in.text()
		if err != nil {
			return Digest{}, err
		}
		value, err := in.text()
		if err != nil {
			return Digest{}, err
		}
		member := [][]byte{field, value}
		in.see(member...)
		if distance != 0 {
			member = append(member, strconv.AppendUint(nil, first+distance-1, 10))
		}
		sum.Add(digest(member...))
	}
	return sum.Digest(), nil
}

// ordered hashes texts one by one.
type ordered struct{ hash.Hash }

func (o ordered) add(text []byte) {
	o.Write(binary.AppendUvarint(nil, uint64(len(text))))
	o.Write(text)
}

func (o ordered) number(n uint64) { o.Write(binary.BigEndian.AppendUint64(nil, n)) }

func (o ordered) digest() Digest { return Digest(o.Sum(nil)) }

func (in *input) list(encoding byte) (Digest, error) {
	o := ordered{sha256.New()}
	nodes := uint64(1)
	if encoding != 10 { // one ziplist
		var err error
		if nodes, err = in.number(); err != nil {
			return Digest{}, err
		}
	}
	for range nodes {
		elements, err := in.node(encoding)
		if err != nil {
			return Digest{}, err
		}
		for _, e := range elements {
			in.see(e)
			o.add(e)
		}
	}
	return o.digest(), nil
}

// node reads what a list consists of in an encoding.
func (in *input) node(encoding byte) ([][]byte, error) {
	if encoding == 10 || encoding == 14 {
		return in.unpacked(ziplist)
	}
	const packed = 2
	container := uint64(1)
	if encoding == 18 {
		var err error
		if container, err = in.number(); err != nil {
			return nil, err
		}
	}
	if container == packed {
		return in.unpacked(listpack)
	}
	text, err := in.text()
	return [][]byte{text}, err
}
