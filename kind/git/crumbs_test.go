package git

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCrumbs: where one was is told from the captured bytes, with branches by
// their names; counts come from git, once for each state of the tree.
func TestCrumbs(t *testing.T) {
	r := inTheMiddle(t)
	b := newBench(t, r.root)
	part, _ := b.capture()
	require.Len(t, part.Crumbs, 6)
	id := r.git("rev-parse", "--short=10", "topic")
	require.Equal(t, []string{
		"on no branch, at " + r.git("rev-parse", "--short=10", "HEAD"),
		"in the middle of: rebase 2/2 onto main of topic, stopped at topic",
		"done: pick " + r.git("rev-parse", "--short=10", "topic~1") + " change .gitignore",
		"done: pick topic conflicting",
		"1 staged, 2 not staged, 1 untracked, 1 in conflict",
		"1 stash, the last: On topic: half done",
	}, part.Crumbs, id)
}

func TestCrumbsOfABranch(t *testing.T) {
	origin := newHistory(t)
	r := repo{t: t, root: filepath.Join(t.TempDir(), "work")}
	repo{t: t, root: filepath.Dir(r.root)}.git("clone", "-q", origin.root, r.root)
	r.commit("mine", "x")
	origin.commit("theirs", "x")
	origin.commit("theirs", "y")
	r.git("fetch", "-q")
	b := newBench(t, r.root)
	part, _ := b.capture()
	require.Equal(t, []string{
		"on main at " + r.git("rev-parse", "--short=10", "HEAD"),
		"0 staged, 0 not staged, 0 untracked; 1 ahead of origin/main, 2 behind",
	}, part.Crumbs)

	// Nothing has changed: git is not asked, so it need not work.
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\nprintf 'core.bare\\nfalse\\0'\n"), 0o755))
	again, _ := b.capture()
	require.Equal(t, part.Crumbs, again.Crumbs)
}

func TestCrumbsOfOtherOperations(t *testing.T) {
	r := newHistory(t)
	r.git("bisect", "start", "main", "main~2")
	b := newBench(t, r.root)
	part, _ := b.capture()
	require.Contains(t, part.Crumbs[1], "in the middle of: bisect from main")
	require.Contains(t, part.Crumbs[2], "done: git bisect start")

	empty := newRepo(t)
	part, _ = newBench(t, empty.root).capture()
	require.Equal(t, "on main, which has no commit yet", part.Crumbs[0])
}

// TestLockOfAClearingThatStillRuns: what a killed clearing started is waited
// for, and its lock removed only when it has ended.
func TestLockOfAClearingThatStillRuns(t *testing.T) {
	r := newHistory(t)
	lock := filepath.Join(r.root, ".git", workIndex+".lock")
	_, release := hold(t, lock)
	_, err := takeLocks(t.Context(), r.root, []string{".git"}, lockInterval)
	require.ErrorContains(t, err, "holds "+lock)
	require.FileExists(t, lock)
	release()
	r.write(".git/"+workIndex+".lock", "left")
	held, err := takeLocks(t.Context(), r.root, []string{".git"}, lockInterval)
	require.NoError(t, err)
	require.NoError(t, held.release())
	requireNoLeftovers(t, r)
}

// TestCrumbsOfOtherWorktrees: where one was in linked worktrees, and in
// submodules in the middle of something.
func TestCrumbsOfOtherWorktrees(t *testing.T) {
	r, library := newHistory(t), newHistory(t)
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.root, "libs/notes")
	r.commit("with", "a submodule\n")
	r.git("worktree", "add", "-q", "fix", "topic")
	r.git("worktree", "add", "-q", "--detach", "look", "main~1")
	fix, sub := repo{t: t, root: filepath.Join(r.root, "fix")}, repo{t: t, root: filepath.Join(r.root, "libs", "notes")}
	fix.commit("notes.txt", "conflict\n")
	_, err := fix.try("merge", "main")
	require.Error(t, err)
	sub.git("bisect", "start")
	part, _ := newBench(t, r.root).capture()
	require.Equal(t, []string{
		"worktree fix: on topic at " + fix.git("rev-parse", "--short=10", "HEAD") + ", in the middle of: merge of main",
		"worktree look: on no branch, at " + r.git("rev-parse", "--short=10", "main~1"),
		"submodule libs/notes: on main at " + sub.git("rev-parse", "--short=10", "HEAD") + ", in the middle of: bisect from main",
	}, part.Crumbs[len(part.Crumbs)-3:])
}
