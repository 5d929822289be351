package rdb

import (
	"crypto/sha256"
	"fmt"
)

// What a module's value consists of.
const (
	moduleEnd = iota
	moduleSigned
	moduleUnsigned
	moduleFloat
	moduleDouble
	moduleText
)

// module reads a value of a module, whose bytes only the module understands.
func (in *input) module() (Digest, error) {
	id, err := in.number()
	if err != nil {
		return Digest{}, err
	}
	o := ordered{sha256.New()}
	o.number(id)
	err = in.moduleFields(o)
	return o.digest(), err
}

func (in *input) moduleFields(o ordered) error {
	for {
		op, err := in.number()
		if err != nil || op == moduleEnd {
			return err
		}
		o.number(op)
		if err := in.moduleField(op, o); err != nil {
			return err
		}
	}
}

func (in *input) moduleField(op uint64, o ordered) error {
	size := uint64(8)
	switch op {
	case moduleSigned, moduleUnsigned:
		return in.copyNumbers(o, 1)
	case moduleText:
		text, err := in.text()
		o.add(text)
		return err
	case moduleFloat:
		size = 4
	case moduleDouble:
	default:
		return fmt.Errorf("a module's value has a field of type %d", op)
	}
	b, err := in.bytes(size)
	o.add(b)
	return err
}

// moduleAux reads what a module keeps beside keys, and returns its id.
func (r *Reader) moduleAux() (uint64, error) {
	id, err := r.in.number()
	if err != nil {
		return 0, err
	}
	if err := r.skipNumbers(2); err != nil { // when it is loaded
		return 0, err
	}
	return id, r.in.moduleFields(ordered{sha256.New()})
}
