package redis

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"dogear/internal/rdb"
	"dogear/kind"
)

// state is what a server's memory held at one instant.
type state struct {
	// Taken is the instant, by the server's clock, in milliseconds.
	Taken int64 `json:"taken"`
	// Format is the version of the RDB.
	Format int `json:"format"`
	// Keys are sums by the name of their fact.
	Keys map[string]rdb.Sum `json:"keys"`
	// Libraries are digests of libraries of functions, by name.
	Libraries map[string]string `json:"libraries,omitempty"`
	// ModuleState says that modules keep a state beside keys.
	ModuleState bool `json:"module_state,omitempty"`

	perishing []perishing
}

// perishing is a key that has a deadline.
type perishing struct {
	deadline int64
	db       int
	kind     rdb.Type
	digest   rdb.Digest
}

func typeFact(db int, t rdb.Type) string { return fmt.Sprintf("db %d %s", db, t) }

func deadlineFact(db int) string { return fmt.Sprintf("db %d deadlines", db) }

// readState digests a stream that was forked off at an instant, and copies it.
// Of a file the instant is 0, and is what the file says.
func readState(r io.Reader, copied io.Writer, taken int64) (*state, error) {
	s := &state{Taken: taken, Keys: make(map[string]rdb.Sum), Libraries: make(map[string]string)}
	reader := rdb.NewReader(r)
	reader.Copy = copied
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			s.Format = reader.Version()
			slices.SortFunc(s.perishing, perishing.compare)
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		if s.Taken == 0 {
			if s.Taken = reader.Created().UnixMilli(); s.Taken <= 0 {
				s.Taken = time.Now().UnixMilli()
			}
		}
		s.add(record)
	}
}

// add adds what a stream consists of. A key whose deadline has passed is not
// there, though the server may not have found out.
func (s *state) add(r rdb.Record) {
	switch {
	case r.Library != nil:
		sum := rdb.Sum{}
		sum.Add(kind.Sum(r.Library))
		s.Libraries[libraryName(r.Library)] = text(sum.Digest())
	case r.Key == nil:
		s.ModuleState = true
	case r.Key.Deadline == 0:
		s.put(typeFact(r.Key.DB, r.Key.Type), r.Key.Digest)
	case r.Key.Deadline > s.Taken:
		p := perishing{r.Key.Deadline, r.Key.DB, r.Key.Type, r.Key.Digest}
		s.perishing = append(s.perishing, p)
		s.put(typeFact(p.db, p.kind), p.digest)
		s.put(deadlineFact(p.db), p.dated(0))
	}
}

func (s *state) put(name string, d rdb.Digest) {
	sum := s.Keys[name]
	sum.Add(d)
	s.Keys[name] = sum
}

func (s *state) drop(name string, d rdb.Digest) {
	sum := s.Keys[name]
	sum.Remove(d)
	if sum.Count == 0 {
		delete(s.Keys, name)
		return
	}
	s.Keys[name] = sum
}

// dated is the digest of a key and its deadline, which was moved by so many
// milliseconds.
func (p perishing) dated(moved int64) rdb.Digest {
	return kind.Sum(strconv.AppendInt(p.digest[:], p.deadline+moved, 10))
}

var shebang = regexp.MustCompile(`\A#!\S+.*?\bname=(\S+)`)

// libraryName reads the name from the first line of a library's source.
func libraryName(code []byte) string {
	line, _, _ := strings.Cut(string(code), "\n")
	if m := shebang.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return "without a name"
}

// text is how digests are written in facts.
func text(d rdb.Digest) string { return hex.EncodeToString(d[:16]) }

func (s *state) facts() []kind.Fact {
	var facts []kind.Fact
	for name, sum := range s.Keys {
		facts = append(facts, kind.Fact{Name: name, Value: kind.Attributes("keys", "count", strconv.FormatInt(sum.Count, 10), "sha256", text(sum.Digest()))})
	}
	for name, digest := range s.Libraries {
		facts = append(facts, kind.Fact{Name: "library " + name, Value: kind.Attributes("functions", "sha256", digest)})
	}
	return facts
}
