package git

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"dogear/kind"
)

// crumbLines is how much is told of what was done and of what is next.
const crumbLines = 3

// crumbsCache is where counts are kept: as long as the tree is the same, they are.
const crumbsCache = "crumbs"

// crumbs tell a person where they were: on which branch, in the middle of
// which operation, what was done last and what is next. They are no facts:
// nothing is compared with them.
func (c *capture) crumbs(ctx context.Context, manifest kind.Object) []string {
	s := c.state
	if len(s.dirs) == 0 {
		return nil
	}
	lines := []string{s.where(".git")}
	if operation := s.operationInWords(".git"); operation != "" {
		lines = append(lines, "in the middle of: "+operation)
	}
	lines = append(lines, s.commands()...)
	if counts := c.counts(ctx, manifest); counts != "" {
		lines = append(lines, counts)
	}
	if entries := stashEntries(s, ".git"); len(entries) > 0 {
		lines = append(lines, fmt.Sprintf("%s, the last: %s", plural(len(entries), "stash", "stashes"), kind.Printable(entries[0].message)))
	}
	return append(lines, s.whereElse()...)
}

// where says what is checked out.
func (s *state) where(gitDir string) string {
	head := s.pseudo(gitDir, "HEAD")
	ref, ok := strings.CutPrefix(head, "ref: ")
	switch {
	case s.hasTables(gitDir) && s.tableRefs(gitDir) == nil:
		return "on a branch that only git can tell: its refs are in tables (reftable) of a newer version"
	case !ok:
		return "on no branch, at " + s.brief(gitDir, head)
	}
	id := s.refs(s.common(gitDir))[ref]
	if id == "" {
		return fmt.Sprintf("on %s, which has no commit yet", kind.Printable(shortRef(ref)))
	}
	return fmt.Sprintf("on %s at %.10s", kind.Printable(shortRef(ref)), id)
}

// whereElse says in a line each what is checked out in linked worktrees, and
// in those submodules that are in the middle of something.
func (s *state) whereElse() []string {
	var lines []string
	for _, dir := range s.dirs[min(1, len(s.dirs)):] {
		name, operation := s.dirInWords(dir), s.operationInWords(dir)
		switch {
		case operation != "":
			lines = append(lines, name+": "+s.where(dir)+", in the middle of: "+operation)
		case s.common(dir) != dir:
			lines = append(lines, name+": "+s.where(dir))
		}
	}
	return lines
}

func (s *state) dirInWords(dir string) string {
	label := "submodule "
	if s.common(dir) != dir {
		label = "worktree "
	}
	name := strings.TrimPrefix(strings.TrimPrefix(dir, ".git/"), "modules/")
	return label + kind.Printable(strings.TrimPrefix(name, "worktrees/"))
}

// operationInWords is operation for a person who was there.
func (s *state) operationInWords(gitDir string) string {
	return strings.Replace(s.brief(gitDir, s.operation(gitDir)), " stopped at ", ", stopped at ", 1)
}

// brief names the commits in a text by their branch, or shortens them.
func (s *state) brief(gitDir, text string) string {
	names := map[string]string{}
	refs := s.refs(s.common(gitDir))
	for _, ref := range slices.Backward(slices.Sorted(maps.Keys(refs))) {
		if strings.HasPrefix(ref, branchPrefix) {
			names[refs[ref]] = shortRef(ref)
		}
	}
	words := strings.Fields(text)
	for i, word := range words {
		switch id := strings.TrimSuffix(word, ","); {
		case !isObjectID(id):
		case names[id] != "":
			words[i] = strings.Replace(word, id, names[id], 1)
		default:
			words[i] = strings.Replace(word, id, id[:10], 1)
		}
	}
	return strings.Join(words, " ")
}

// commands are the last ones of an operation, and the next.
func (s *state) commands() []string {
	var lines []string
	add := func(label string, commands []string) {
		for _, command := range commands {
			lines = append(lines, label+": "+kind.Printable(s.brief(".git", command)))
		}
	}
	add("done", last(s.script("rebase-merge/done")))
	add("next", beginning(s.script("rebase-merge/git-rebase-todo")))
	add("next", beginning(s.script("sequencer/todo")))
	add("done", last(s.script("BISECT_LOG")))
	if next := s.line(".git", "rebase-apply/next"); next != "" {
		add("next", []string{"patch " + next + " of " + s.line(".git", "rebase-apply/last")})
	}
	return lines
}

// script reads a list of commands, without its comments.
func (s *state) script(name string) []string {
	text, _ := s.content(".git", name)
	var commands []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			commands = append(commands, line)
		}
	}
	return commands
}

func last(list []string) []string { return list[max(0, len(list)-crumbLines):] }

// beginning also says how many more there are.
func beginning(list []string) []string {
	if len(list) <= crumbLines {
		return list
	}
	return append(list[:crumbLines:crumbLines], fmt.Sprintf("(%d more)", len(list)-crumbLines))
}

// counts says how many files are changed, and how far the branch is from its
// upstream. git is asked once for each state of the tree.
func (c *capture) counts(ctx context.Context, manifest kind.Object) string {
	h := sha256.New()
	for _, id := range manifest.Chunks {
		h.Write(id[:])
	}
	key := fmt.Sprintf("%x", h.Sum(nil))
	if c.ws.Cache != nil {
		var known struct{ Key, Counts string }
		if json.Unmarshal(c.ws.Cache.Load(c.item.ID, crumbsCache), &known) == nil && known.Key == key {
			return known.Counts
		}
	}
	counts := count(ctx, c.item.Root)
	if c.ws.Cache != nil {
		if content, err := json.Marshal(struct{ Key, Counts string }{key, counts}); err == nil {
			_ = c.ws.Cache.Save(c.item.ID, crumbsCache, content) // it would only save time
		}
	}
	return counts
}

// count asks git. A repository that it cannot read has no counts.
func count(ctx context.Context, root string) string {
	git, err := newProgramAt(ctx, root, filepath.Join(root, ".git"))
	if err != nil {
		return ""
	}
	out, err := git.run(ctx, "status", "--porcelain=v2", "-z", "--branch", "--no-renames", "--untracked-files=all", "--ignore-submodules=dirty")
	if err != nil {
		return ""
	}
	return summary(splitNUL(out))
}

// summary counts the lines of "git status --porcelain=v2".
func summary(lines []string) string {
	var staged, unstaged, unmerged, untracked int
	var upstream, distance string
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "# branch.upstream "):
			upstream = strings.TrimPrefix(line, "# branch.upstream ")
		case strings.HasPrefix(line, "# branch.ab "):
			distance = strings.TrimPrefix(line, "# branch.ab ")
		case strings.HasPrefix(line, "? "):
			untracked++
		case strings.HasPrefix(line, "u "):
			unmerged++
		case strings.HasPrefix(line, "1 ") && len(line) > 4:
			if line[2] != '.' {
				staged++
			}
			if line[3] != '.' {
				unstaged++
			}
		}
	}
	text := fmt.Sprintf("%d staged, %d not staged, %d untracked", staged, unstaged, untracked)
	if unmerged > 0 {
		text += fmt.Sprintf(", %d in conflict", unmerged)
	}
	var ahead, behind int
	if n, err := fmt.Sscanf(distance, "+%d -%d", &ahead, &behind); n == 2 && err == nil {
		text += fmt.Sprintf("; %d ahead of %s, %d behind", ahead, upstream, behind)
	}
	return text
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
