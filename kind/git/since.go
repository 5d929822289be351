package git

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"dogear/internal/proc"
)

// comparison works out what was made in a repository since a state of it.
type comparison struct {
	git          *program
	before, live *state
	label        string

	known []string // ids of before that the live repository still has
}

const (
	branchPrefix = "refs/heads/"
	tagPrefix    = "refs/tags/"
)

// keeps lists the refs that hold something that the state before has not.
func (c *comparison) keeps(ctx context.Context) ([]keep, error) {
	old, now := c.before.refs(".git"), c.live.refs(".git")
	if err := c.findKnown(ctx, append(slices.Collect(maps.Values(old)), c.heads()...)); err != nil {
		return nil, err
	}
	var keeps []keep
	for _, ref := range slices.Sorted(maps.Keys(now)) {
		if !isBranchOrTag(ref) || !isObjectID(now[ref]) || now[ref] == old[ref] {
			continue
		}
		kept, err := c.keep(ctx, ref, old, now[ref])
		if err != nil {
			return nil, err
		}
		keeps = append(keeps, kept...)
	}
	detached, err := c.detached(ctx, old, keeps)
	if err != nil {
		return nil, err
	}
	return sortKeeps(append(keeps, detached...)), nil
}

// heads lists where the state before is detached: in the middle of a rebase
// its commits are on no branch.
func (c *comparison) heads() []string {
	var ids []string
	for path, entry := range c.before.files {
		if strings.HasSuffix(path, "/HEAD") {
			ids = append(ids, strings.TrimSuffix(string(entry.content), "\n"))
		}
	}
	return ids
}

func isBranchOrTag(ref string) bool {
	return strings.HasPrefix(ref, branchPrefix) || strings.HasPrefix(ref, tagPrefix)
}

// keep decides about one ref that is new or was moved.
func (c *comparison) keep(ctx context.Context, ref string, old map[string]string, id string) ([]keep, error) {
	commits, err := c.count(ctx, id)
	if err != nil {
		return nil, err
	}
	was, existed := old[ref]
	advanced := existed && c.isAncestor(ctx, was, id)
	what := shortRef(ref) + ", " + commits.String()
	switch {
	case (advanced || !existed && !clashes(ref, old)) && !c.isCheckedOut(ref):
		return []keep{{ref: ref, id: id, old: was, what: what}}, nil
	case existed && commits.n == 0:
		return nil, nil // moved back: nothing would be lost
	}
	aside := c.aside(ref, old)
	return []keep{{ref: aside, id: id, what: fmt.Sprintf("%s, %s of %s", shortRef(aside), commits, shortRef(ref))}}, nil
}

// detached keeps commits that were made without any branch.
func (c *comparison) detached(ctx context.Context, old map[string]string, keeps []keep) ([]keep, error) {
	id := c.live.line(".git", "HEAD")
	if !isObjectID(id) {
		return nil, nil
	}
	var also []string
	for _, k := range keeps {
		also = append(also, k.id)
	}
	commits, err := c.count(ctx, id, also...)
	if err != nil || commits.n == 0 {
		return nil, err
	}
	ref := c.aside(branchPrefix+"detached", old)
	return []keep{{ref: ref, id: id, what: fmt.Sprintf("%s, %s without a branch", shortRef(ref), commits)}}, nil
}

// isCheckedOut reports whether a branch is checked out in the state before,
// or is to be moved when its rebase ends. Where its worktree stands it has to
// stay.
func (c *comparison) isCheckedOut(ref string) bool {
	for path, entry := range c.before.files {
		name := strings.TrimSuffix(string(entry.content), "\n")
		if strings.HasSuffix(path, "/HEAD") && name == "ref: "+ref || strings.HasSuffix(path, "/head-name") && name == ref {
			return true
		}
	}
	return false
}

// aside makes up a name for what cannot keep its own.
func (c *comparison) aside(ref string, old map[string]string) string {
	prefix := branchPrefix
	if strings.HasPrefix(ref, tagPrefix) {
		prefix = tagPrefix
	}
	base := prefix + "dogear/" + refComponent(c.label) + "/" + shortRef(ref)
	name := base
	for n := 2; old[name] != "" || clashes(name, old); n++ {
		name = base + "-" + strconv.Itoa(n)
	}
	return name
}

// clashes reports whether a ref cannot exist beside others: one's name is the
// directory of the other's.
func clashes(ref string, others map[string]string) bool {
	for other := range others {
		if strings.HasPrefix(other, ref+"/") || strings.HasPrefix(ref, other+"/") {
			return true
		}
	}
	return false
}

// refComponent makes text fit for a ref's name (git-check-ref-format(1)).
func refComponent(text string) string {
	clean := strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\/@{}`, r) {
			return '-'
		}
		return r
	}, text)
	for strings.Contains(clean, "..") {
		clean = strings.ReplaceAll(clean, "..", ".")
	}
	clean = strings.TrimSuffix(strings.Trim(clean, ".-"), ".lock")
	if clean == "" {
		return "kept"
	}
	return clean
}

func shortRef(ref string) string {
	return strings.TrimPrefix(strings.TrimPrefix(ref, branchPrefix), tagPrefix)
}

// findKnown sorts out which objects the live repository still has: a wreck
// may have collected some as garbage.
func (c *comparison) findKnown(ctx context.Context, ids []string) error {
	ids = slices.DeleteFunc(ids, func(id string) bool { return !isObjectID(id) })
	slices.Sort(ids)
	command := c.git.command("cat-file", "--batch-check=%(objectname) %(objecttype)")
	command.Stdin = strings.NewReader(strings.Join(slices.Compact(ids), "\n") + "\n")
	out, err := proc.Run(ctx, command)
	if err != nil {
		return fmt.Errorf("look for objects: %w", err)
	}
	for line := range bytes.Lines(out) {
		fields := strings.Fields(string(line))
		if len(fields) == 2 && isObjectID(fields[0]) && fields[1] != "missing" {
			c.known = append(c.known, fields[0])
		}
	}
	return nil
}

// commits is a number of commits.
type commits struct{ n int }

func (c commits) String() string {
	switch c.n {
	case 0:
		return "no new commits"
	case 1:
		return "1 commit"
	}
	return strconv.Itoa(c.n) + " commits"
}

// count counts the commits of id that neither the state before nor the given
// others have.
func (c *comparison) count(ctx context.Context, id string, others ...string) (commits, error) {
	var revisions strings.Builder
	fmt.Fprintln(&revisions, id)
	for _, known := range slices.Concat(c.known, others) {
		fmt.Fprintln(&revisions, "^"+known)
	}
	command := c.git.command("rev-list", "--count", "--stdin")
	command.Stdin = strings.NewReader(revisions.String())
	out, err := proc.Run(ctx, command)
	if err != nil {
		return commits{}, fmt.Errorf("count commits: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	return commits{n}, err
}

// isAncestor also says no if the older commit is gone.
func (c *comparison) isAncestor(ctx context.Context, older, newer string) bool {
	_, err := c.git.run(ctx, "merge-base", "--is-ancestor", older, newer)
	return err == nil
}
