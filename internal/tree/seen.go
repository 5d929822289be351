package tree

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
)

// seen remembers which files a search has found, so that the next opens only
// those that are new. It holds what the last search looked at, no more.
type seen struct {
	index       Index
	before, now map[fileKey]bool
}

// fileKey stands for a file as it was at one time.
type fileKey [16]byte

// seenHeading begins the list and holds its version: a key of 16 bytes and a
// byte that is 1 for what was searched for follow for each file, sorted.
const seenHeading = "dogear seen 1\n"

func keyOf(f *Sighting) fileKey {
	h := fnv.New128a()
	buf := make([]byte, 0, 7*8)
	for _, n := range []int64{int64(f.Dev), int64(f.Ino), f.Size, f.Mtime.Sec, f.Mtime.Nsec, f.Ctime.Sec, f.Ctime.Nsec} {
		buf = binary.BigEndian.AppendUint64(buf, uint64(n))
	}
	_, _ = h.Write(buf) // never fails
	return fileKey(h.Sum(nil))
}

// loadSeen returns what is known; a damaged list is none.
func loadSeen(index Index) *seen {
	s := &seen{index: index, before: map[fileKey]bool{}, now: map[fileKey]bool{}}
	if index == nil {
		return s
	}
	list, ok := bytes.CutPrefix(index.Load(), []byte(seenHeading))
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

func (s *seen) look(key fileKey) (found, known bool) {
	found, known = s.before[key]
	if known {
		s.now[key] = found
	}
	return found, known
}

func (s *seen) remember(key fileKey, found bool) { s.now[key] = found }

func (s *seen) save() error {
	if s.index == nil || maps.Equal(s.before, s.now) {
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
	return s.index.Save(list)
}
