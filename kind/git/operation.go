package git

import (
	"fmt"
	"strings"
)

// operation says which operation is under way, in words, or "". A bisection
// may have any of the others inside it.
func (s *state) operation(gitDir string) string {
	var under []string
	for _, describe := range []func(string) string{s.rebase, s.mailbox, s.merge, s.pick, s.bisect} {
		if text := describe(gitDir); text != "" {
			under = append(under, text)
		}
	}
	return strings.Join(under, ", ")
}

func (s *state) rebase(gitDir string) string {
	const dir = "rebase-merge"
	if !s.has(gitDir, dir) {
		return ""
	}
	text := fmt.Sprintf("rebase %s/%s onto %s", s.line(gitDir, dir+"/msgnum"), s.line(gitDir, dir+"/end"), s.line(gitDir, dir+"/onto"))
	if head := s.line(gitDir, dir+"/head-name"); head != "" {
		text += " of " + strings.TrimPrefix(head, "refs/heads/")
	}
	if stopped := s.line(gitDir, dir+"/stopped-sha"); stopped != "" {
		text += " stopped at " + stopped
	}
	return text
}

// mailbox covers "git am" and rebases with the apply backend.
func (s *state) mailbox(gitDir string) string {
	const dir = "rebase-apply"
	if !s.has(gitDir, dir) {
		return ""
	}
	name := "rebase"
	if _, ok := s.content(gitDir, dir+"/applying"); ok {
		name = "am"
	}
	return fmt.Sprintf("%s %s/%s", name, s.line(gitDir, dir+"/next"), s.line(gitDir, dir+"/last"))
}

func (s *state) merge(gitDir string) string {
	heads, _ := s.content(gitDir, "MERGE_HEAD")
	if len(heads) == 0 {
		return ""
	}
	return "merge of " + strings.Join(strings.Fields(string(heads)), " ")
}

// pick leaves out what a rebase picks: that is the rebase's own.
func (s *state) pick(gitDir string) string {
	if s.has(gitDir, "rebase-merge") {
		return ""
	}
	if id := s.pseudo(gitDir, "CHERRY_PICK_HEAD"); id != "" {
		return "cherry-pick of " + id
	}
	if id := s.pseudo(gitDir, "REVERT_HEAD"); id != "" {
		return "revert of " + id
	}
	if s.has(gitDir, "sequencer") {
		return "sequence of commits"
	}
	return ""
}

func (s *state) bisect(gitDir string) string {
	start := s.line(gitDir, "BISECT_START")
	if start == "" {
		return ""
	}
	return "bisect from " + start
}

func (s *state) has(gitDir, dir string) bool {
	return len(s.names(gitDir, dir)) > 0
}
