package snapshot

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"maps"
	"slices"

	"dogear/internal/content"
	"dogear/kind"
)

// maxFactText bounds a name or a value read back from the store, so that a
// damaged length cannot ask for all memory.
const maxFactText = 64 << 20

// StoreFacts puts a stream of facts into the store. It refuses a stream that
// is not sorted, or names a fact twice.
func StoreFacts(ctx context.Context, sink kind.Sink, facts kind.Facts) (FactSet, error) {
	r := newFactReader(facts)
	defer r.stop()
	object, err := content.PutList(ctx, sink, "facts", r)
	if err != nil {
		return FactSet{}, err
	}
	return FactSet{Count: r.count, Digest: r.sum(), Object: object}, nil
}

// Tally passes facts on and fills set (but for its Object) when all have been
// read without an error.
func Tally(facts kind.Facts, set *FactSet) kind.Facts {
	return func(yield func(kind.Fact, error) bool) {
		h, n := sha256.New(), int64(0)
		for fact, err := range facts {
			h.Write(appendText(appendText(nil, fact.Name), fact.Value))
			n++
			if !yield(fact, err) || err != nil {
				return
			}
		}
		*set = FactSet{Count: n, Digest: Digest(hex.EncodeToString(h.Sum(nil)))}
	}
}

// ReadFacts reads stored facts back.
func ReadFacts(ctx context.Context, source kind.Source, set FactSet) kind.Facts {
	return func(yield func(kind.Fact, error) bool) {
		r := bufio.NewReader(content.Open(ctx, source, set.Object))
		for {
			fact, err := readFact(r)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(fact, err) || err != nil {
				return
			}
		}
	}
}

// factReader turns a stream of facts into bytes: for each fact the name and
// the value, each with its length in front (uvarint).
type factReader struct {
	next  func() (kind.Fact, error, bool)
	stop  func()
	buf   []byte // encoded and not read yet
	last  string
	count int64
	hash  hash.Hash
}

func newFactReader(facts kind.Facts) *factReader {
	next, stop := iter.Pull2(facts)
	return &factReader{next: next, stop: stop, hash: sha256.New()}
}

func (r *factReader) Read(p []byte) (int, error) {
	for len(r.buf) == 0 {
		if err := r.encodeNext(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

func (r *factReader) encodeNext() error {
	fact, err, ok := r.next()
	if !ok {
		return io.EOF
	}
	if err != nil {
		return err
	}
	if r.count > 0 && kind.CompareNames(r.last, fact.Name) >= 0 {
		return fmt.Errorf("fact %q follows %q: facts are not in order", kind.Printable(fact.Name), kind.Printable(r.last))
	}
	r.last = fact.Name
	r.count++
	r.buf = appendText(appendText(r.buf[:0], fact.Name), fact.Value)
	r.hash.Write(r.buf)
	return nil
}

func (r *factReader) sum() Digest { return Digest(hex.EncodeToString(r.hash.Sum(nil))) }

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func readFact(r *bufio.Reader) (kind.Fact, error) {
	name, err := readText(r)
	if err != nil {
		return kind.Fact{}, err // io.EOF between two facts is the end
	}
	value, err := readText(r)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return kind.Fact{Name: name, Value: value}, err
}

func readText(r *bufio.Reader) (string, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return "", err
	}
	if n > maxFactText {
		return "", fmt.Errorf("fact of %d bytes: facts are damaged", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", fmt.Errorf("read facts: %w", io.ErrUnexpectedEOF)
	}
	return string(text), nil
}

// StateDigest is the digest over the facts of all items.
func StateDigest(facts map[kind.ID]Digest) Digest {
	h := sha256.New()
	for _, id := range slices.SortedFunc(maps.Keys(facts), kind.ID.Compare) {
		h.Write(appendText(appendText(nil, id.String()), string(facts[id])))
	}
	return Digest(hex.EncodeToString(h.Sum(nil)))
}
