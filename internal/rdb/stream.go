package rdb

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// stream reads a stream: its entries, what it knows beside them, and its
// groups with who was given what. When a consumer was last seen is no state:
// asking changes it.
func (in *input) stream(encoding byte) (Digest, error) {
	o := ordered{sha256.New()}
	blocks, err := in.number()
	if err != nil {
		return Digest{}, err
	}
	for range blocks {
		if err := in.streamBlock(o); err != nil {
			return Digest{}, err
		}
	}
	numbers := 3 // length, and the last id
	if encoding > 15 {
		numbers += 5 // the first id, the highest that was deleted, how many there ever were
	}
	if err := in.copyNumbers(o, numbers); err != nil {
		return Digest{}, err
	}
	groups, err := in.number()
	if err != nil {
		return Digest{}, err
	}
	var sum Sum
	for range groups {
		group, err := in.group(encoding)
		if err != nil {
			return Digest{}, err
		}
		sum.Add(group)
	}
	return digest(o.Sum(nil), bytesOf(sum.Digest())), nil
}

func bytesOf(d Digest) []byte { return d[:] }

func (in *input) copyNumbers(o ordered, n int) error {
	for range n {
		number, err := in.number()
		if err != nil {
			return err
		}
		o.number(number)
	}
	return nil
}

// streamBlock reads some entries.
func (in *input) streamBlock(o ordered) error {
	id, err := in.text()
	if err != nil {
		return err
	}
	elements, err := in.unpacked(listpack)
	if err != nil {
		return err
	}
	if len(id) != 16 {
		return errPacked
	}
	block := block{
		milli: binary.BigEndian.Uint64(id), sequence: binary.BigEndian.Uint64(id[8:]),
		left: elements,
	}
	return block.entries(o)
}

// block is a packed run of entries. Their ids are distances from its own, and
// the names of their fields are given once if they are all the same.
type block struct {
	milli, sequence uint64
	left            [][]byte
	err             error
}

func (b *block) next() []byte {
	if len(b.left) == 0 {
		b.err = errPacked
		return nil
	}
	element := b.left[0]
	b.left = b.left[1:]
	return element
}

func (b *block) number() uint64 {
	n, err := strconv.ParseInt(string(b.next()), 10, 64)
	if err != nil {
		b.err = errPacked
	}
	return uint64(n)
}

func (b *block) several(n uint64) [][]byte {
	if n > uint64(len(b.left)) {
		b.err = errPacked
		return nil
	}
	elements := b.left[:n]
	b.left = b.left[n:]
	return elements
}

// The flags of an entry.
const (
	entryDeleted    = 1
	entrySameFields = 2
)

func (b *block) entries(o ordered) error {
	count := b.number()
	count += b.number() // that were deleted
	names := b.several(b.number())
	b.next() // the end of the master entry
	for range count {
		if b.err != nil {
			break
		}
		b.entry(o, names)
	}
	return b.err
}

func (b *block) entry(o ordered, names [][]byte) {
	flags := b.number()
	milli, sequence := b.milli+b.number(), b.sequence+b.number()
	var pairs [][]byte
	if flags&entrySameFields != 0 {
		values := b.several(uint64(len(names)))
		for i, v := range values {
			pairs = append(pairs, names[i], v)
		}
	} else {
		pairs = b.several(b.number() * 2)
	}
	b.next() // how many elements that were
	if flags&entryDeleted != 0 || b.err != nil {
		return
	}
	o.number(milli)
	o.number(sequence)
	o.number(uint64(len(pairs)))
	for _, p := range pairs {
		o.add(p)
	}
}

// group reads a consumer group.
func (in *input) group(encoding byte) (Digest, error) {
	o := ordered{sha256.New()}
	name, err := in.text()
	if err != nil {
		return Digest{}, err
	}
	o.add(name)
	numbers := 2 // the id that was given out last
	if encoding > 15 {
		numbers++ // how many were read
	}
	if err := in.copyNumbers(o, numbers); err != nil {
		return Digest{}, err
	}
	if err := in.pending(o); err != nil {
		return Digest{}, err
	}
	consumers, err := in.number()
	if err != nil {
		return Digest{}, err
	}
	var sum Sum
	for range consumers {
		consumer, err := in.consumer(encoding)
		if err != nil {
			return Digest{}, err
		}
		sum.Add(consumer)
	}
	return digest(o.Sum(nil), bytesOf(sum.Digest())), nil
}

// pending reads which entries were given out, when, and how often.
func (in *input) pending(o ordered) error {
	n, err := in.number()
	if err != nil {
		return err
	}
	o.number(n)
	for range n {
		id, err := in.bytes(16)
		if err != nil {
			return err
		}
		given, err := in.uint64()
		if err != nil {
			return err
		}
		o.Write(id)
		o.number(given)
		if err := in.copyNumbers(o, 1); err != nil {
			return err
		}
	}
	return nil
}

func (in *input) consumer(encoding byte) (Digest, error) {
	o := ordered{sha256.New()}
	name, err := in.text()
	if err != nil {
		return Digest{}, err
	}
	o.add(name)
	times := 1
	if encoding > 19 {
		times++
	}
	for range times {
		if _, err := in.uint64(); err != nil {
			return Digest{}, err
		}
	}
	n, err := in.number()
	if err != nil {
		return Digest{}, err
	}
	for range n {
		id, err := in.bytes(16)
		if err != nil {
			return Digest{}, err
		}
		o.Write(id)
	}
	return o.digest(), nil
}
