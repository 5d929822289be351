package rdb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// What can stand in place of a value's type.
const (
	opSlotInfo    = 244
	opFunction    = 245
	opModuleAux   = 247
	opIdle        = 248
	opFrequency   = 249
	opAux         = 250
	opResize      = 251
	opExpireMilli = 252
	opExpireSec   = 253
	opSelect      = 254
	opEnd         = 255
)

// Key is a key with its value.
type Key struct {
	DB   int
	Name []byte
	Type Type
	// Deadline is when it expires, in milliseconds since 1970; 0 if it does not.
	Deadline int64
	// Digest stands for name, type and value.
	Digest Digest
	// Text is the beginning of the value as people read it, if Reader.Texts is
	// set; Cut says that it is not all of it. Streams, and what modules keep, have
	// none.
	Text string
	Cut  bool
	// Payload is the value for the RESTORE command, if Reader.Payloads is set.
	Payload []byte
}

// Record is what a stream consists of: one of these.
type Record struct {
	Key *Key
	// Library is the source of a library of functions.
	Library []byte
	// Module is the id of a module that keeps a state beside keys.
	Module uint64
}

// Reader reads a stream.
type Reader struct {
	// Payloads makes Next return values too.
	Payloads bool
	// Texts makes Next return what of a value can be shown.
	Texts bool
	// Copy, if set, is given the stream as it is read, without what differs
	// from one stream of the same keys to the next: the time and other remarks,
	// when a key was last used, and the checksum, which is written as 0 (none).
	Copy io.Writer

	in      input
	created int64 // in seconds
	version int
	db      int
	records int64
}

// NewReader returns a reader of a stream.
func NewReader(r io.Reader) *Reader { return &Reader{in: input{r: bufio.NewReaderSize(r, 1<<16)}} }

// begin reads the beginning of the stream.
func (r *Reader) begin() error {
	r.in.copy = r.Copy
	var magic [9]byte
	if err := r.in.read(magic[:]); err != nil {
		return err
	}
	digits, found := strings.CutPrefix(string(magic[:]), "VALKEY")
	if !found {
		digits, found = strings.CutPrefix(digits, "REDIS")
	}
	version, err := strconv.Atoi(digits)
	if !found || err != nil {
		return errors.New("it does not begin like one")
	}
	r.version = version
	return nil
}

// Version returns the version of the format, once a record was read.
func (r *Reader) Version() int { return r.version }

// Created returns when the stream was written, once a record was read; 1970 if it
// does not say so.
func (r *Reader) Created() time.Time { return time.Unix(r.created, 0) }

// Next returns the next record; io.EOF after the last, when the checksum was
// found right.
func (r *Reader) Next() (Record, error) {
	record, err := r.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return Record{}, fmt.Errorf("RDB, after %d records: %w", r.records, err)
	}
	r.records++
	return record, err
}

func (r *Reader) next() (Record, error) {
	if r.version == 0 {
		if err := r.begin(); err != nil {
			return Record{}, err
		}
	}
	key := &Key{}
	for {
		op, err := r.op()
		if err != nil {
			return Record{}, err
		}
		switch op {
		case opEnd:
			return Record{}, r.end()
		case opFunction:
			code, err := r.in.text()
			return Record{Library: code}, err
		case opModuleAux:
			id, err := r.moduleAux()
			return Record{Module: id}, err
		}
		known, err := r.attribute(op, key)
		if err != nil {
			return Record{}, err
		}
		if !known {
			return r.value(op, key)
		}
	}
}

// op reads what comes next. What is not to be copied has no copy from here on.
func (r *Reader) op() (byte, error) {
	r.in.copy = nil
	op, err := r.in.byte()
	if err != nil || op == opAux || op == opIdle || op == opFrequency {
		return op, err
	}
	r.in.copy = r.Copy
	return op, r.in.write([]byte{op})
}

// attribute reads what is said of the next key, or of the stream.
func (r *Reader) attribute(op byte, key *Key) (bool, error) {
	var err error
	var n uint64
	switch op {
	case opAux:
		err = r.remark()
	case opResize:
		err = r.skipNumbers(2)
	case opSlotInfo:
		err = r.skipNumbers(3)
	case opSelect:
		n, err = r.in.number()
		r.db = int(n)
	case opExpireMilli:
		n, err = r.in.uint64()
		key.Deadline = int64(n)
	case opExpireSec:
		var seconds uint32
		seconds, err = r.in.uint32()
		key.Deadline = int64(int32(seconds)) * 1000
	case opIdle:
		_, err = r.in.number()
	case opFrequency:
		_, err = r.in.byte()
	default:
		return false, nil
	}
	return true, err
}

// remark reads something that is said of the stream.
func (r *Reader) remark() error {
	name, err := r.in.text()
	if err != nil {
		return err
	}
	value, err := r.in.text()
	if string(name) == "ctime" {
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			r.created = n
		}
	}
	return err
}

func (r *Reader) skipNumbers(n int) error {
	for range n {
		if _, err := r.in.number(); err != nil {
			return err
		}
	}
	return nil
}

// value reads a key and its value.
func (r *Reader) value(encoding byte, key *Key) (Record, error) {
	key.DB = r.db
	var err error
	if key.Name, err = r.in.text(); err != nil {
		return Record{}, err
	}
	if r.Payloads {
		r.in.keep, r.in.kept = true, []byte{encoding}
	}
	if r.Texts {
		r.in.glance = &glance{}
	}
	var sum Digest
	key.Type, sum, err = r.in.value(encoding)
	r.in.keep = false
	if err != nil {
		return Record{}, fmt.Errorf("key %q: %w", key.Name, err)
	}
	key.Digest = digest([]byte(key.Type), key.Name, sum[:])
	if r.Texts {
		key.Text, key.Cut = r.in.glance.text(key.Type), r.in.glance.cut || key.Type == Stream || key.Type == Module
		r.in.glance = nil
	}
	if r.Payloads {
		key.Payload, r.in.kept = r.seal(r.in.kept), nil
	}
	return Record{Key: key}, nil
}

// seal adds what the RESTORE command wants after a value.
func (r *Reader) seal(payload []byte) []byte {
	payload = binary.LittleEndian.AppendUint16(payload, uint16(r.version))
	return binary.LittleEndian.AppendUint64(payload, checksum(0, payload))
}

// end checks the checksum, unless the server writes none.
func (r *Reader) end() error {
	if r.version < 5 {
		return io.EOF
	}
	have := r.in.crc
	r.in.copy = nil
	want, err := r.in.uint64()
	if err != nil {
		return err
	}
	r.in.copy = r.Copy
	if err := r.in.write(make([]byte, 8)); err != nil {
		return err
	}
	if want != 0 && want != have {
		return fmt.Errorf("its checksum is %016x, not %016x: it is damaged", have, want)
	}
	return io.EOF
}
