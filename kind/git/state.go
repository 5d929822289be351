package git

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"dogear/kind"
)

// state is the content of a repository's state files: all that its facts are
// made from, save for the worktree. It is small enough to be read in one go,
// at the very moment for which the facts have to be true.
type state struct {
	dirs  []string              // the git directories, ".git" first
	files map[string]stateEntry // by path relative to the root
	packs []string              // names of the packs: no fact, but they tell when objects move
}

type stateEntry struct {
	content []byte
	link    bool // content is the target of a symbolic link
}

// readState reads the state files below a worktree's root. It follows no
// links. A file that goes away meanwhile counts as not there, and so does one
// that may not be read: the tree engine reports it.
func readState(root string) (*state, error) {
	dirs, err := gitDirs(root)
	if err != nil {
		return nil, err
	}
	if len(dirs) == 0 {
		if _, err := os.Lstat(path.Join(root, ".git")); err != nil {
			return nil, kind.ErrGone
		}
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	s := &state{dirs: dirs, files: map[string]stateEntry{}}
	for _, gitDir := range dirs {
		if err = s.readDir(dir, gitDir); err != nil {
			break
		}
	}
	return s, errors.Join(err, dir.Close())
}

func (s *state) readDir(root *os.Root, gitDir string) error {
	wanted, ignored := patterns([]string{gitDir}, stateFiles), patterns([]string{gitDir}, transient)
	entries, err := fs.ReadDir(root.FS(), gitDir)
	if err != nil {
		return ignoreUnread(err)
	}
	packs, err := fs.Glob(root.FS(), literal(gitDir)+"/objects/pack/*.idx")
	if err != nil {
		return err
	}
	s.packs = append(s.packs, packs...)
	for _, entry := range entries {
		name := path.Join(gitDir, entry.Name())
		if !kind.MatchAny(wanted, name) {
			continue
		}
		if err := s.readBelow(root, name, ignored); err != nil {
			return err
		}
	}
	return nil
}

func (s *state) readBelow(root *os.Root, top string, ignored []kind.Pattern) error {
	return fs.WalkDir(root.FS(), top, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return ignoreUnread(err)
		}
		if kind.MatchAny(ignored, name) {
			return skip(entry)
		}
		return ignoreUnread(s.readEntry(root, name, entry.Type()))
	})
}

func (s *state) readEntry(root *os.Root, name string, mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		content, err := readFile(root, name)
		if err != nil {
			return err
		}
		s.files[name] = stateEntry{content: content}
	case mode&fs.ModeSymlink != 0:
		target, err := root.Readlink(name)
		if err != nil {
			return err
		}
		s.files[name] = stateEntry{content: []byte(target), link: true}
	}
	return nil
}

func readFile(root *os.Root, name string) (content []byte, err error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(f)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func ignoreUnread(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return ignoreMissing(err)
}

// equal reports whether two states mean the same, with their objects in the
// same packs.
func (s *state) equal(other *state) bool {
	return slices.Equal(s.dirs, other.dirs) && slices.Equal(s.packs, other.packs) &&
		maps.EqualFunc(s.files, other.files, sameEntry)
}

func sameEntry(a, b stateEntry) bool {
	if a.link != b.link || bytes.Equal(a.content, b.content) {
		return a.link == b.link
	}
	n, digest := meaning(a.content)
	m, other := meaning(b.content)
	return n == m && digest == other
}

// content returns the content of a state file, and whether it is there.
func (s *state) content(gitDir, name string) ([]byte, bool) {
	entry, ok := s.files[path.Join(gitDir, name)]
	return entry.content, ok && !entry.link
}

// line returns the first line of a state file, or "".
func (s *state) line(gitDir, name string) string {
	content, _ := s.content(gitDir, name)
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSpace(line)
}

// names lists the state files below one directory of a git directory,
// relative to that git directory, in order.
func (s *state) names(gitDir, below string) []string {
	var names []string
	prefix := path.Join(gitDir, below) + "/"
	for name := range s.files {
		if strings.HasPrefix(name, prefix) {
			names = append(names, strings.TrimPrefix(name, gitDir+"/"))
		}
	}
	slices.Sort(names)
	return names
}

// regular counts the state files that are regular files.
func (s *state) regular() int {
	n := 0
	for _, entry := range s.files {
		if !entry.link {
			n++
		}
	}
	return n
}
