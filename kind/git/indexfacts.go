package git

import (
	"fmt"
	"strings"

	"dogear/kind"
)

// indexFacts are the entries of the index, each under its path, so that one
// changed entry is named. The stat cache is no fact: git rewrites it whenever
// it looks. An index that cannot be read is compared by its bytes.
func (s *state) indexFacts(gitDir string) []kind.Fact {
	content, ok := s.content(gitDir, "index")
	if !ok {
		return nil
	}
	ix, err := s.index(gitDir, content)
	if err != nil {
		return []kind.Fact{{Name: "index", Value: fmt.Sprintf("unreadable (%v), %s", err, digest(content))}}
	}
	facts := entryFacts(ix.entries)
	if undo := ix.extensions["REUC"]; len(undo) > 0 {
		facts = append(facts, kind.Fact{Name: "index-resolve-undo", Value: digest(undo)})
	}
	return facts
}

func (s *state) index(gitDir string, content []byte) (*index, error) {
	hashSize := s.hashSize(gitDir)
	ix, err := parseIndex(content, hashSize)
	if err != nil {
		return nil, err
	}
	return ix, s.joinShared(ix, gitDir, hashSize)
}

func (s *state) joinShared(ix *index, gitDir string, hashSize int) error {
	name := ix.link(hashSize)
	if name == "" {
		return nil
	}
	content, ok := s.content(gitDir, name)
	if !ok {
		return fmt.Errorf("%s, on which the index rests, is missing", name)
	}
	base, err := parseIndex(content, hashSize)
	if err != nil {
		return err
	}
	return ix.join(base, hashSize)
}

// hashSize tells SHA-1 repositories from SHA-256 ones, the way git does: by
// the configuration. A linked worktree has that of its main repository.
func (s *state) hashSize(gitDir string) int {
	for _, dir := range []string{gitDir, ".git"} {
		if content, ok := s.content(dir, "config"); ok {
			return hashSizeOf(content)
		}
	}
	return 20
}

func hashSizeOf(config []byte) int {
	for line := range strings.Lines(strings.ToLower(string(config))) {
		if strings.ReplaceAll(strings.TrimSpace(line), " ", "") == "objectformat=sha256" {
			return 32
		}
	}
	return 20
}

// entryFacts has one fact for each path; the stages of an unmerged one are
// its attributes.
func entryFacts(entries []indexEntry) []kind.Fact {
	facts := make([]kind.Fact, 0, len(entries))
	for i := 0; i < len(entries); {
		stages := i + 1
		for stages < len(entries) && entries[stages].path == entries[i].path {
			stages++
		}
		facts = append(facts, kind.Fact{Name: "index " + entries[i].path, Value: entryValue(entries[i:stages])})
		i = stages
	}
	return facts
}

func entryValue(stages []indexEntry) string {
	if e := stages[0]; e.stage == 0 {
		return kind.Attributes("entry", "mode", fmt.Sprintf("%06o", e.mode), "id", e.id, "flags", e.flags())
	}
	var pairs []string
	for _, e := range stages {
		pairs = append(pairs, [...]string{"", "base", "ours", "theirs"}[e.stage], fmt.Sprintf("%06o,%s", e.mode, e.id))
	}
	return kind.Attributes("unmerged", pairs...)
}

func (e indexEntry) flags() string {
	var flags []string
	if e.assumeValid {
		flags = append(flags, "assume-unchanged")
	}
	if e.skipWorktree {
		flags = append(flags, "skip-worktree")
	}
	if e.intentToAdd {
		flags = append(flags, "intent-to-add")
	}
	return strings.Join(flags, ",")
}
