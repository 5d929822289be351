package sqlite

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"

	"dogear/internal/tree"
	"dogear/kind"
)

// seen remembers which files were databases, so that a search opens only the
// files that are new. It holds what the last search looked for, no more.
type seen struct {
	before, now map[fileKey]bool
}

// fileKey stands for a file as it was at one time.
type fileKey [16]byte

// seenHeading begins the list in the cache and holds its version: a key of 16
// bytes and a byte that is 1 for a database follow for each file, sorted.
const seenHeading = "dogear sqlite seen 1\n"

const seenName = "seen"

func seenID() kind.ID { return kind.ID{Kind: Kind, Name: "."} }

func keyOf(f *tree.Sighting) fileKey {
	h := fnv.New128a()
	buf := make([]byte, 0, 7*8)
	for _, n := range []int64{int64(f.Dev), int64(f.Ino), f.Size, f.Mtime.Sec, f.Mtime.Nsec, f.Ctime.Sec, f.Ctime.Nsec} {
		buf = binary.BigEndian.AppendUint64(buf, uint64(n))
	}
	_, _ = h.Write(buf) // never fails
	return fileKey(h.Sum(nil))
}

// loadSeen returns what the cache knows; a damaged list is none.
func loadSeen(cache kind.Cache) *seen {
	s := &seen{before: map[fileKey]bool{}, now: map[fileKey]bool{}}
	if cache == nil {
		return s
	}
	list, ok := bytes.CutPrefix(cache.Load(seenID(), seenName), []byte(seenHeading))
	const size = len(fileKey{}) + 1
	if !ok || len(list)%size != 0 {
		return s
	}
	s.before, s.now = make(map[fileKey]bool, len(list)/size), make(map[fileKey]bool, len(list)/size)
	for record := range slices.Chunk(list, size) {
		s.before[fileKey(record[:size-1])] = record[size-1] == 1
	}
	return s
}

func (s *seen) look(key fileKey) (database, known bool) {
	database, known = s.before[key]
	if known {
		s.now[key] = database
	}
	return database, known
}

func (s *seen) remember(key fileKey, database bool) { s.now[key] = database }

func (s *seen) save(cache kind.Cache) error {
	if cache == nil || maps.Equal(s.before, s.now) {
		return nil
	}
	keys := slices.SortedFunc(maps.Keys(s.now), func(a, b fileKey) int { return bytes.Compare(a[:], b[:]) })
	list := []byte(seenHeading)
	for _, key := range keys {
		list = append(list, key[:]...)
		if s.now[key] {
			list = append(list, 1)
		} else {
			list = append(list, 0)
		}
	}
	return cache.Save(seenID(), seenName, list)
}
