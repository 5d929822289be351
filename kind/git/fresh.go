package git

import (
	"encoding/binary"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The fields of an entry's stat cache, as in gitformat-index(5).
const (
	atChanged  = 0 // seconds, then nanoseconds
	atModified = 8
	atInode    = 20
	atSize     = 36
)

// isFresh reports whether the stat cache of an index fits the files as they
// are. An index that this package cannot read does not.
func (s *state) isFresh(gitDir, worktree string) bool {
	content, _ := s.content(gitDir, "index")
	ix, err := s.index(gitDir, content)
	if err != nil {
		return false
	}
	for _, e := range ix.entries {
		if e.stage == 0 && !e.skipWorktree && !e.assumeValid && e.mode>>12 != 0o16 && e.mode>>12 != 0o4 && !e.fits(worktree) {
			return false
		}
	}
	return true
}

// fits reports whether an entry's stat cache is that of its file.
func (e indexEntry) fits(worktree string) bool {
	var st unix.Stat_t
	if unix.Lstat(filepath.Join(worktree, e.path), &st) != nil {
		return false
	}
	field := func(at int) uint32 { return binary.BigEndian.Uint32(e.stat[at:]) }
	return field(atChanged) == uint32(st.Ctim.Sec) && field(atChanged+4) == uint32(st.Ctim.Nsec) &&
		field(atModified) == uint32(st.Mtim.Sec) && field(atModified+4) == uint32(st.Mtim.Nsec) &&
		field(atInode) == uint32(st.Ino) && field(atSize) == uint32(st.Size)
}
