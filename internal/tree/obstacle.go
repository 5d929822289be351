package tree

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"dogear/internal/handles"
	"dogear/kind"
)

// obstacle is a reason why a plan cannot be carried out.
type obstacle struct {
	text string // about the first entry
	more int    // further entries with the same trouble
}

func (o obstacle) String() string {
	if o.more == 0 {
		return o.text
	}
	return fmt.Sprintf("%s (and %d more like it)", o.text, o.more)
}

// trouble is a class of obstacles. Of each only the first is written out.
type trouble int

const (
	foreign    trouble = iota // it is to belong to others
	nobodys                   // it is to belong to an id that there is not
	privileged                // it has an attribute that only root may set
	theirs                    // it belongs to others now
	unchanging                // its flags forbid every change
	opened                    // a program has it open that takes it for its own
	troubles
)

// surveyor looks for what stands in the way of a plan.
type surveyor struct {
	uid    int
	groups []int
	dirs   opener
	found  [troubles]*obstacle
}

// survey returns why a plan cannot be carried out, so that this is known
// before anything is touched: rights that we lack, and flags that forbid any
// change, also to root. databases selects files that programs keep open and
// know by heart.
func (p *plan) survey(root int, databases []kind.Pattern) (_ []string, err error) {
	s := &surveyor{uid: os.Geteuid(), dirs: opener{root: root}}
	defer func() { err = errors.Join(err, s.dirs.forget()) }()
	if s.groups, err = os.Getgroups(); err != nil {
		return nil, fmt.Errorf("list own groups: %w", err)
	}
	s.groups = append(s.groups, os.Getegid())
	if s.uid != 0 {
		p.wanted(s.rights)
		s.owners(p)
	} else if err := s.ids(p); err != nil {
		return nil, err
	}
	if err := s.flags(p); err != nil {
		return nil, err
	}
	if err := s.holders(p, databases); err != nil {
		return nil, err
	}
	var conflicts []string
	for _, o := range s.found {
		if o != nil {
			conflicts = append(conflicts, o.String())
		}
	}
	return conflicts, nil
}

func (s *surveyor) note(t trouble, path, format string, args ...any) {
	if s.found[t] != nil {
		s.found[t].more++
		return
	}
	s.found[t] = &obstacle{text: kind.Printable(orDot(path)) + " " + fmt.Sprintf(format, args...)}
}

// wanted calls f with each entry that is to come, or to be another one.
func (p *plan) wanted(f func(*Entry)) {
	for _, actions := range [][]action{p.folders, p.files, p.links, p.metas} {
		for _, a := range actions {
			f(a.want)
		}
	}
	for _, a := range p.dirs {
		if a.live != nil { // or it is among the folders
			f(a.want)
		}
	}
}

// ids looks for owners that do not exist where root is root of a user
// namespace only.
func (s *surveyor) ids(p *plan) error {
	users, err := readIDMap("uid_map")
	if err != nil {
		return err
	}
	groups, err := readIDMap("gid_map")
	if err != nil {
		return err
	}
	p.wanted(func(want *Entry) {
		if !users.has(want.UID) || !groups.has(want.GID) {
			s.note(nobodys, want.Path, "belongs to user %d and group %d, which this user namespace does not have: restore it outside of that", want.UID, want.GID)
		}
	})
	return nil
}

// rights: only root may give files away.
func (s *surveyor) rights(want *Entry) {
	if int(want.UID) != s.uid || !slices.Contains(s.groups, int(want.GID)) {
		s.note(foreign, want.Path, "belongs to user %d and group %d: only root can restore it", want.UID, want.GID)
	}
	for _, x := range want.Xattrs {
		if x.Name == "security.capability" || strings.HasPrefix(x.Name, "trusted.") {
			s.note(privileged, want.Path, "has the attribute %s: only root can restore it", kind.Printable(x.Name))
		}
	}
}

// owners looks at what is there: what belongs to others may be replaced where
// we own the directory, but not changed. A directory of others that is to be
// emptied may still let us.
func (s *surveyor) owners(p *plan) {
	for _, a := range slices.Concat(p.files, p.metas, p.dirs) {
		if a.live != nil && a.inPlace && int(a.live.UID) != s.uid {
			s.note(theirs, a.path(), "belongs to user %d now: only root or they can change it", a.live.UID)
		}
	}
	for _, a := range p.removals {
		if a.live.Type == Folder && int(a.live.UID) != s.uid && !s.writable(a.live.Path) {
			s.note(theirs, a.path(), "belongs to user %d: only root or they can remove what is in it", a.live.UID)
		}
	}
}

func (s *surveyor) writable(path string) bool {
	dir, name, err := s.dirs.parent(path)
	return err == nil && unix.Faccessat(dir, name, unix.W_OK|unix.X_OK, unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW) == nil
}

// flags asks for inode flags (chattr) of all that changes. What has gone
// since it was read has none.
func (s *surveyor) flags(p *plan) error {
	for _, a := range slices.Concat(p.dirs, p.removals, p.files, p.links, p.metas) {
		if a.live == nil {
			continue
		}
		fixed, err := s.fixed(a.live.Path)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("%s: %w", kind.Printable(orDot(a.live.Path)), err)
		}
		if fixed != "" {
			s.note(unchanging, a.live.Path, "is %s: make it changeable first (chattr -%s)", fixed, fixed[:1])
		}
	}
	return nil
}

// fixed names the flag that forbids to change or replace an entry, if any.
func (s *surveyor) fixed(path string) (string, error) {
	dir, name := s.dirs.root, ""
	if path != "" {
		var err error
		if dir, name, err = s.dirs.parent(path); err != nil {
			return "", err
		}
	}
	var st unix.Statx_t
	if err := statx(dir, name, &st); err != nil {
		return "", err
	}
	switch {
	case st.Attributes&unix.STATX_ATTR_IMMUTABLE != 0:
		return "immutable", nil
	case st.Attributes&unix.STATX_ATTR_APPEND != 0:
		return "append-only", nil
	}
	return "", nil
}

// holders looks for programs that have a database open which is to change under
// them: they would go on with what they know of it, and write that over the
// restored pages. Programs in containers are stopped for a restore.
func (s *surveyor) holders(p *plan, databases []kind.Pattern) error {
	if len(databases) == 0 {
		return nil
	}
	paths := make(map[handles.File]string)
	files := make(map[handles.File]bool)
	for _, a := range slices.Concat(p.removals, p.files, p.links) {
		if a.live != nil && a.live.Type == Regular && kind.MatchAny(databases, a.live.Path) {
			f := handles.File{Dev: a.live.stamp.dev, Ino: a.live.stamp.ino}
			paths[f], files[f] = a.live.Path, true
		}
	}
	found, err := handles.Of(files)
	if err != nil {
		return err
	}
	for _, h := range found {
		s.note(opened, paths[h.File], "is open in %s, which would write over what is restored: end that first", h)
	}
	return nil
}
