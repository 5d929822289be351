package git

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"dogear/internal/proc"
	"dogear/kind"
)

// comparison works out what was made in one repository since a state of it.
type comparison struct {
	git          *program
	dir          string // the git directory, relative to the root of the part
	before, live *state
	label        string
	foreign      foreign

	known   []string // ids of before that the live repository still has
	taken   map[string]string
	unnamed []string // what is made since and cannot be kept, in words
}

const (
	branchPrefix = "refs/heads/"
	tagPrefix    = "refs/tags/"
	remotePrefix = "refs/remotes/"
	ownPrefix    = "refs/dogear/" // for what is no branch and no tag
)

// ofWorktree are refs that belong to a worktree or to an operation in it. They
// say nothing about commits that were made.
var ofWorktree = []string{"refs/bisect/", "refs/worktree/", "refs/rewritten/", "refs/stash"}

// run returns what is to be kept, packed, or nil.
func (c *comparison) run(ctx context.Context, root string) (*keptRefs, error) {
	if c.live.hasTables(c.dir) {
		c.unnamed = []string{"what was made since in a repository whose refs are in the format reftable"}
		return nil, nil
	}
	gitDir := filepath.Join(root, c.dir)
	git, err := newProgramAt(ctx, gitDir, gitDir)
	if err != nil {
		return nil, err
	}
	c.git = git
	keeps, err := c.keeps(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.findUnnamed(ctx, keeps); err != nil || len(keeps) == 0 {
		return nil, err
	}
	k := &keptRefs{git: git, gitDir: c.dir, keeps: keeps}
	return k, k.pack(ctx, c.known)
}

// keeps lists the refs that hold something that the state before has not.
func (c *comparison) keeps(ctx context.Context) ([]keep, error) {
	old, now := c.before.refs(c.dir), c.live.refs(c.dir)
	c.taken = maps.Clone(old)
	if err := c.findKnown(ctx, slices.Concat(slices.Collect(maps.Values(old)), c.heads(c.before), stashes(c.before, c.dir))); err != nil {
		return nil, err
	}
	var keeps []keep
	for _, ref := range slices.Sorted(maps.Keys(now)) {
		if hasAnyPrefix(ref, ofWorktree) || !isObjectID(now[ref]) || now[ref] == old[ref] {
			continue
		}
		kept, err := c.keep(ctx, ref, old, now[ref])
		if err != nil {
			return nil, err
		}
		keeps = append(keeps, kept...)
	}
	keeps = append(keeps, c.stashed()...)
	detached, err := c.detached(ctx, keeps)
	if err != nil {
		return nil, err
	}
	return shareLines(sortKeeps(append(keeps, detached...))), nil
}

func hasAnyPrefix(text string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(text, p) })
}

// heads lists where a state is detached, in the repository and its linked
// worktrees: in the middle of a rebase its commits are on no branch.
func (c *comparison) heads(s *state) []string {
	var ids []string
	for _, content := range c.contents(s, "HEAD") {
		if isObjectID(content) {
			ids = append(ids, content)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// contents returns the content of those state files of the repository, and of
// its linked worktrees, that a pattern selects.
func (c *comparison) contents(s *state, pattern kind.Pattern) []string {
	var all []string
	for path, entry := range s.files {
		name, ok := strings.CutPrefix(path, c.dir+"/")
		if s == c.before && c.foreign.has(path) {
			continue // that worktree stays where it is now
		}
		if ok && (pattern.Match(name) || ("worktrees/*/" + pattern).Match(name)) {
			all = append(all, strings.TrimSuffix(string(entry.content), "\n"))
		}
	}
	return all
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
	case strings.HasPrefix(ref, remotePrefix) && existed:
		return []keep{{ref: ref, id: id, old: was, what: what}}, nil // it says where the remote is
	case existed && commits.n == 0:
		return nil, nil // moved back: nothing would be lost
	}
	aside := c.aside(ref)
	return []keep{{ref: aside, id: id, what: fmt.Sprintf("%s, %s of %s", shortRef(aside), commits, shortRef(ref))}}, nil
}

// stashed keeps stashes that were made since, as branches: "git stash apply"
// takes any.
func (c *comparison) stashed() []keep {
	var keeps []keep
	for _, entry := range stashEntries(c.live, c.dir) {
		if slices.Contains(stashes(c.before, c.dir), entry.id) {
			continue
		}
		ref := c.aside(branchPrefix + "stash")
		keeps = append(keeps, keep{ref: ref, id: entry.id, what: fmt.Sprintf("%s, the stash %q", shortRef(ref), kind.Printable(entry.message))})
	}
	return keeps
}

// detached keeps commits that were made without any branch.
func (c *comparison) detached(ctx context.Context, keeps []keep) ([]keep, error) {
	var detached []keep
	for _, id := range c.heads(c.live) {
		var also []string
		for _, k := range slices.Concat(keeps, detached) {
			also = append(also, k.id)
		}
		commits, err := c.count(ctx, id, also...)
		if err != nil {
			return nil, err
		}
		if commits.n > 0 {
			ref := c.aside(branchPrefix + "detached")
			detached = append(detached, keep{ref: ref, id: id, what: fmt.Sprintf("%s, %s without a branch", shortRef(ref), commits)})
		}
	}
	return detached, nil
}

// shareLines has all branches of one remote said in one line: a fetch may
// bring hundreds.
func shareLines(keeps []keep) []keep {
	for i := 0; i < len(keeps); i++ {
		remote, ok := remoteOf(keeps[i].ref)
		if !ok {
			continue
		}
		first := i
		for i+1 < len(keeps) && strings.HasPrefix(keeps[i+1].ref, remotePrefix+remote+"/") {
			i++
			keeps[i].what = ""
		}
		if n := i - first + 1; n > 1 {
			keeps[first].what = fmt.Sprintf("%d branches of the remote %s, fetched since", n, remote)
		}
	}
	return keeps
}

func remoteOf(ref string) (string, bool) {
	rest, ok := strings.CutPrefix(ref, remotePrefix)
	remote, _, _ := strings.Cut(rest, "/")
	return remote, ok
}

// isCheckedOut reports whether a branch is checked out in the state before,
// or is to be moved when its rebase ends. Where its worktree stands it has to
// stay.
func (c *comparison) isCheckedOut(ref string) bool {
	return slices.Contains(c.contents(c.before, "HEAD"), "ref: "+ref) ||
		slices.Contains(c.contents(c.before, "rebase-*/head-name"), ref)
}

// aside makes up a name for what cannot keep its own.
func (c *comparison) aside(ref string) string {
	prefix := ownPrefix
	for _, p := range []string{branchPrefix, tagPrefix} {
		if strings.HasPrefix(ref, p) {
			prefix = p + "dogear/"
		}
	}
	base := prefix + refComponent(c.label) + "/" + strings.TrimPrefix(shortRef(ref), "refs/")
	name := base
	for n := 2; c.taken[name] != "" || clashes(name, c.taken); n++ {
		name = base + "-" + strconv.Itoa(n)
	}
	c.taken[name] = "taken"
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
	return strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(ref, branchPrefix), tagPrefix), remotePrefix)
}

// findKnown sorts out which objects the live repository still has: a wreck
// may have collected some as garbage.
func (c *comparison) findKnown(ctx context.Context, ids []string) (err error) {
	c.known, err = c.existing(ctx, ids)
	return err
}

// existing returns those ids that are of objects in the live repository.
func (c *comparison) existing(ctx context.Context, ids []string) ([]string, error) {
	ids = slices.DeleteFunc(ids, func(id string) bool { return !isObjectID(id) })
	if len(ids) == 0 {
		return nil, nil
	}
	slices.Sort(ids)
	command := c.git.command("cat-file", "--batch-check=%(objectname) %(objecttype)")
	command.Stdin = strings.NewReader(strings.Join(slices.Compact(ids), "\n") + "\n")
	out, err := proc.Run(ctx, command)
	if err != nil {
		return nil, fmt.Errorf("look for objects: %w", err)
	}
	var there []string
	for line := range bytes.Lines(out) {
		fields := strings.Fields(string(line))
		if len(fields) == 2 && isObjectID(fields[0]) && fields[1] != "missing" {
			there = append(there, fields[0])
		}
	}
	return there, nil
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

// sortKeeps puts the refs in order, each name once.
func sortKeeps(keeps []keep) []keep {
	slices.SortFunc(keeps, func(a, b keep) int { return cmp.Or(kind.CompareNames(a.ref, b.ref), cmp.Compare(b.what, a.what)) })
	return slices.CompactFunc(keeps, func(a, b keep) bool { return a.ref == b.ref })
}
