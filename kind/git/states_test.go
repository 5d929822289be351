package git

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
)

// TestEveryStateComesBack brings repositories into every state that git knows
// (see situations), and for each wreck: captures, wrecks, restores. What came
// back has to be what a twin is that was never touched: by every byte, by what
// git says, and by where it leads when its user goes on.
//
// It is the test of G1 to G7, G9 to G17, G21 and G32: the technique is that a
// repository is captured and restored as the bytes that it is on disk, all of
// .git and all of the worktree (transient is all that options leaves out). With
// the name of any other file in transient, the rows that live in it fail.
func TestEveryStateComesBack(t *testing.T) {
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t)
		})
	}
}

// situation is a state in which a repository may be.
type situation struct {
	name  string
	init  []string // arguments of git init
	empty bool     // without the history that the others begin with
	newer bool     // for git 2.45 or newer: the test bed's, if there is none here
	needs []string // parts of the test bed
	bring string   // a script that brings a repository into it
	// also are further worktrees, relative to the repository: linked ones,
	// submodules, repositories inside.
	also []string
	// items is how many items these are, if more than one.
	items int
	// operation is what the facts call it, if it is one.
	operation string
	// ends are the ways in which its user goes on, each a script.
	ends []string
}

// begin brings a new repository into the situation.
func (s situation) begin(t *testing.T) repo {
	t.Helper()
	testbed.Require(t, s.needs...)
	r := newRepo(t, append(s.init, "--template=")...)
	require.NoError(t, os.MkdirAll(filepath.Join(r.root, ".git", "info"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(r.root, ".git", "hooks"), 0o755))
	if !s.empty {
		r.fillHistory()
		r.stash("notes.txt", "first thought\n", "first")
		r.stash("src/app.go", "package second\n", "second")
	}
	if s.newer {
		r.newer = newerGit(t, r)
	}
	out, err := r.run("sh", "-c", prelude+s.bring)
	require.NoError(t, err, out)
	return r
}

// newerGit returns the git of the test bed that knows reftable, or "" if the
// one here does.
func newerGit(t *testing.T, r repo) string {
	if _, err := r.try("init", "-q", "--ref-format=reftable", t.TempDir()); err == nil {
		return ""
	}
	return testbed.NewerGit(t)
}

// prelude begins every script.
const prelude = `set -e
export GIT_ALLOW_PROTOCOL=file
stops() { if "$@" >/dev/null 2>&1; then echo "did not stop: $*" >&2; exit 1; fi; }
save() { git add -A; git commit -q -m "$1"; }
`

func (r repo) stash(name, content, message string) {
	r.t.Helper()
	r.write(name, content)
	r.git("stash", "push", "-q", "-m", message)
}

// test wrecks the situation in every way. The first wrecks are each followed by
// one of the ends.
func (s situation) test(t *testing.T) {
	d := newDesk(s.begin(t), s.also)
	require.Contains(t, d.repo.facts()["operation"], s.operation)
	require.Len(t, d.items, max(1, s.items))
	if d.repo.newer != "" {
		_, err := repo{t: t, root: d.repo.root}.try("status")
		require.ErrorContains(t, err, "extension", "this git can read it")
	}
	d.capture()
	bytes, said := d.bytes(true), map[string]string{brief: d.say(brief), full: d.say(full)}
	var ends []string
	for _, end := range s.ends {
		d.replaceByTwin()
		d.each("git update-index -q --refresh") // its files are new to git
		ends = append(ends, d.goOn(end))
	}
	require.LessOrEqual(t, len(ends), len(wrecks))
	hurt := 0
	for i, w := range wrecks {
		d.replaceByTwin()
		w.do(d)
		if d.bytes(true) != bytes {
			hurt++
		}
		d.restore()
		require.Equal(t, bytes, d.bytes(true), "bytes after %s", w.name)
		d.start()
		recipe := brief
		if i == 0 {
			recipe = full
		}
		require.Equal(t, said[recipe], d.say(recipe), "what git says after %s", w.name)
		if i < len(ends) {
			require.Equal(t, ends[i], d.goOn(s.ends[i]), "%s after %s", s.ends[i], w.name)
		}
	}
	require.Greater(t, hurt, len(wrecks)/2, "wrecks that changed anything")
}

// wrecks are what an incident does to a repository that was in the middle of
// something.
var wrecks = []struct {
	name string
	do   func(d *desk)
}{
	{"reset --hard", func(d *desk) { d.each("git reset -q --hard; git clean -qffdx -e .git") }},
	{"another branch", func(d *desk) {
		d.each(`git checkout -q -f -B incident topic || git checkout -q -f --orphan incident
			echo hot >hotfix; git add -f hotfix; git commit -q -m hotfix; git tag hot; git branch topic/deeper; git pack-refs --all --prune`)
	}},
	{"gc --prune=now", func(d *desk) {
		d.each(`git reset -q --hard; git branch -q -D topic; git stash clear; git reflog expire --expire=now --expire-unreachable=now --all
			git worktree prune --expire=now; git gc -q --prune=now`)
	}},
	{"stash clear", func(d *desk) {
		d.each(`git stash clear; git rerere clear; for o in rebase merge cherry-pick revert am; do git $o --quit; done; git bisect reset
			git update-ref -d refs/notes/commits; rm -rf .git/rr-cache; git read-tree --empty`)
	}},
	{"delete .git", func(d *desk) { require.NoError(d.repo.t, os.RemoveAll(filepath.Join(d.repo.root, ".git"))) }},
}

// desk is a workspace with all the repositories in it.
type desk struct {
	repo  repo
	also  []string
	twin  string // a copy of everything, as it was captured
	ws    *kind.Workspace
	items []kind.Item
	parts []kind.Part
	facts []map[string]string

	driver *Driver
	memory *memory
}

func newDesk(r repo, also []string) *desk {
	d := &desk{repo: r, also: also, ws: workspaceOf(r.root), driver: New(), memory: newMemory()}
	d.ws.Cache = d.memory
	d.items = find(r.t, r.root)
	for i := range d.items {
		item := &d.items[i]
		*item = complete(*item)
		for _, need := range d.items {
			if rel, err := filepath.Rel(item.Root, need.Root); err == nil && rel != "." && filepath.IsLocal(rel) {
				item.Nested = append(item.Nested, rel)
			}
		}
	}
	// What others need comes first.
	slices.SortStableFunc(d.items, func(a, b kind.Item) int { return len(b.Root) - len(a.Root) })
	return d
}

func (d *desk) capture() {
	t := d.repo.t
	t.Helper()
	for _, item := range d.items {
		b := &bench{t: t, ws: d.ws, item: item, memory: d.memory, driver: d.driver}
		part, facts := b.capture()
		d.parts, d.facts = append(d.parts, part), append(d.facts, facts)
	}
	d.twin = filepath.Join(t.TempDir(), "twin")
	copyTree(t, d.repo.root, d.twin)
}

// restore restores every part and compares the bytes at rest.
func (d *desk) restore() {
	t := d.repo.t
	t.Helper()
	for _, part := range d.parts {
		require.NoError(t, d.driver.Restore(t.Context(), d.ws, part, d.memory))
	}
	for _, part := range d.parts {
		want := collect(t, d.driver.Rest(t.Context(), part, d.memory))
		require.Equal(t, want, collect(t, d.driver.InspectRest(t.Context(), d.ws, part.Item())))
	}
}

// start starts every part and compares the facts.
func (d *desk) start() {
	t := d.repo.t
	t.Helper()
	for i, part := range d.parts {
		require.NoError(t, d.driver.Start(t.Context(), d.ws, part, d.memory))
		require.Equal(t, d.facts[i], collect(t, d.driver.Inspect(t.Context(), d.ws, d.items[i])))
	}
}

// each runs a script in every repository, innermost first. Most of its
// commands fail in some situation or other.
func (d *desk) each(script string) {
	for _, r := range d.repos() {
		_, _ = r.run("sh", "-c", script)
	}
}

func (d *desk) repos() []repo {
	var repos []repo
	for _, dir := range d.also {
		repos = append(repos, repo{t: d.repo.t, root: filepath.Join(d.repo.root, dir), newer: d.repo.newer})
	}
	return append(repos, d.repo)
}

func (d *desk) clear() {
	t := d.repo.t
	t.Helper()
	entries, err := os.ReadDir(d.repo.root)
	require.NoError(t, err)
	for _, entry := range entries {
		require.NoError(t, os.RemoveAll(filepath.Join(d.repo.root, entry.Name())))
	}
}

// replaceByTwin puts a twin in the place of the repository.
func (d *desk) replaceByTwin() {
	d.repo.t.Helper()
	d.clear()
	copyTree(d.repo.t, d.twin+"/.", d.repo.root)
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	out, err := exec.Command("cp", "-a", from, to).CombinedOutput()
	require.NoError(t, err, string(out))
}

// goOn runs the script with which the user goes on, and returns where it led.
func (d *desk) goOn(script string) string {
	d.repo.t.Helper()
	out, err := d.repo.run("sh", "-c", prelude+script)
	require.NoError(d.repo.t, err, script)
	return out + d.bytes(false) + d.say(brief)
}

// say is what git answers in every repository.
func (d *desk) say(recipe string) string {
	d.repo.t.Helper()
	var all strings.Builder
	for _, r := range d.repos() {
		out, err := r.run("sh", "-c", recipe)
		require.NoError(r.t, err)
		fmt.Fprintf(&all, "%s\n%s\n", r.root, strings.ReplaceAll(out, "\x00", "\n"))
	}
	return all.String()
}

// brief asks git for what is not told by the bytes alone, as it depends on the
// stat cache of the index. Errors are answers too.
const brief = `
export GIT_OPTIONAL_LOCKS=0
ask() { echo "== $*"; git "$@" 2>&1 || echo "= $?"; }
ask ls-files --sparse -s -v -t --debug | grep -v -e '^  ctime' -e '^  mtime' -e '^  dev' -e '^  uid' -e 'flags: .\{1,7\}$'
ask status --porcelain=v2 --branch --show-stash -z --untracked-files=all --ignored=matching
ask fsck --connectivity-only --no-dangling --no-progress
`

// full asks git for all that it knows about a state.
const full = brief + `
ask -c core.safecrlf=false diff --no-ext-diff
ask -c core.safecrlf=false diff --no-ext-diff --cached
ask for-each-ref --format='%(refname) %(objectname) %(symref)'
ask symbolic-ref -q HEAD
ask log -1 --format='%H %T'
ask reflog show --all --format='%gd %H %gs'
ask stash list --format='%gd %H %gs %T'
ask worktree list --porcelain
ask config -l --local -z
ask notes list
ask rerere status
if [ -f .gitmodules ]; then ask submodule status --recursive; fi
if [ -f .git/BISECT_START ]; then ask bisect log; fi
if [ -f .git/info/sparse-checkout ]; then ask sparse-checkout list; fi
true
`

// bytes describes every entry of the workspace as the system sees it. Where
// the user went on, times are those of the run, and objects may be packed one
// way or another. An index is left to git: its stat cache is never the same.
func (d *desk) bytes(exact bool) string {
	t := d.repo.t
	t.Helper()
	var all strings.Builder
	require.NoError(t, filepath.WalkDir(d.repo.root, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		rel, err := filepath.Rel(d.repo.root, path)
		require.NoError(t, err)
		inGit := slices.Contains(strings.Split(rel, "/"), ".git")
		if !exact && inGit && slices.ContainsFunc([]string{"/objects", "/sharedindex.", "/reftable/"}, func(part string) bool { return strings.Contains(rel, part) }) {
			return nil
		}
		info, err := entry.Info()
		require.NoError(t, err)
		stat := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&all, "%q %o %d:%d", rel, stat.Mode, stat.Uid, stat.Gid)
		if exact && !inGit {
			fmt.Fprintf(&all, " %d.%09d", stat.Mtim.Sec, stat.Mtim.Nsec)
		}
		switch {
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			require.NoError(t, err)
			all.WriteString(" to " + target)
		case entry.Type().IsRegular() && !(inGit && entry.Name() == "index"):
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			fmt.Fprintf(&all, " %d %x", len(content), sha256.Sum256(content))
		}
		all.WriteByte('\n')
		return nil
	}))
	return all.String()
}
