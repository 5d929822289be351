package git

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// notKept are the lines that only name something.
func notKept(kept []kind.Kept) []string {
	var lines []string
	for _, k := range kept {
		if k.NotKept {
			lines = append(lines, k.What)
		}
	}
	return lines
}

func isKept(kept []kind.Kept) []string {
	var lines []string
	for _, k := range kept {
		if !k.NotKept {
			lines = append(lines, k.What)
		}
	}
	return lines
}

// TestResumeKeepsMoreThanBranches: stashes, notes, what was fetched, commits of
// a detached linked worktree and of a submodule. Each is compared with what was
// captured, in each repository that has refs of its own.
func TestResumeKeepsMoreThanBranches(t *testing.T) {
	r, library, origin := newHistory(t), newHistory(t), newHistory(t)
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.root, "libs/notes")
	r.commit("with", "a submodule\n")
	r.git("remote", "add", "origin", origin.root)
	r.git("fetch", "-q", "origin")
	r.write("notes.txt", "old stash\n")
	r.git("stash", "push", "-q", "-m", "from before")
	r.git("worktree", "add", "-q", "--detach", "fix", "topic")
	sub, fix := repo{t: t, root: filepath.Join(r.root, "libs", "notes")}, repo{t: t, root: filepath.Join(r.root, "fix")}
	b := newBench(t, r.root)
	part, facts := b.capture()

	r.write("notes.txt", "new stash\n")
	r.git("stash", "push", "-q", "-m", "half a fix")
	stash := r.git("rev-parse", "stash@{0}")
	r.git("notes", "add", "-m", "reviewed", "main")
	origin.commit("theirs.go", "theirs\n")
	origin.git("branch", "their-topic")
	origin.git("branch", "their-fix")
	r.git("fetch", "-q", "origin")
	inFix := fix.commit("fix.go", "detached in a linked worktree\n")
	inSub := sub.commit("notes.txt", "in the submodule\n")
	sub.git("branch", "sub-fix")

	kept := b.resume(part)
	require.Equal(t, []string{
		"dogear/INC-42/detached, 1 commit without a branch",
		`dogear/INC-42/stash, the stash "On main: half a fix"`,
		"refs/notes/commits, 1 commit",
		"3 branches of the remote origin, fetched since",
		"submodule libs/notes: dogear/INC-42/main, 1 commit of main",
		"submodule libs/notes: sub-fix, 1 commit",
	}, isKept(kept))
	require.Empty(t, notKept(kept))
	after := b.inspect()
	require.Equal(t, inFix, after["refs/heads/dogear/INC-42/detached"])
	require.Equal(t, stash, after["refs/heads/dogear/INC-42/stash"])
	require.Equal(t, origin.git("rev-parse", "main"), after["refs/remotes/origin/main"])
	require.Equal(t, inSub, after["modules/libs/notes: refs/heads/sub-fix"])
	require.Equal(t, facts["modules/libs/notes: refs/heads/main"], after["modules/libs/notes: refs/heads/main"])
	require.Equal(t, facts["stash@{0}"], after["stash@{0}"])
	var excused []string
	for _, k := range kept {
		excused = append(excused, k.Facts...)
	}
	require.Subset(t, excused, changed(facts, after))
	r.git("fsck", "--strict", "--connectivity-only")
	sub.git("fsck", "--strict", "--connectivity-only")
	r.git("stash", "apply", "-q", "dogear/INC-42/stash")
	require.Equal(t, "new stash\n", read(t, r, "notes.txt"))
}

// TestResumeNamesWhatItDoesNotKeep: commits that were undone (only reflogs know
// them), files that were not committed, a submodule that was added: all of that
// is in the safety snapshot, and nothing is only there without being named
// (G38). It fails if either is not looked for (findUnnamed, uncommitted).
func TestResumeNamesWhatItDoesNotKeep(t *testing.T) {
	r, library := newHistory(t), newHistory(t)
	r.write("half-done", "from before\n")
	r.write("data.bin", "from before\n")
	b := newBench(t, r.root)
	part, facts := b.capture()
	undone := r.commit("tried.go", "tried\n")
	r.git("reset", "-q", "--hard", "HEAD~1")
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.root, "sub")
	r.git("worktree", "add", "-q", "wt", "topic")
	r.write("notes.txt", "edited in the incident\n")
	r.write("new.txt", "made in the incident\n")
	r.write("half-done", "from before\n") // the same
	r.write("data.bin", "other\n")

	kept := b.resume(part)
	require.Equal(t, []string{
		"1 commit that no branch has any more: " + undone[:10],
		"submodule sub: all of it, made since",
		"changes that were not committed, in .gitmodules, data.bin, new.txt, notes.txt",
	}, notKept(kept))
	require.Equal(t, facts, b.inspect())
}

// TestResumeNamesNothingWithoutReason: a pause that was followed by nothing,
// in the middle of everything, leaves nothing to be named.
func TestResumeNamesNothingWithoutReason(t *testing.T) {
	r := inTheMiddle(t)
	r.git("update-ref", "-m", "tried", "refs/heads/tried", r.git("commit-tree", "-m", "tried", "topic^{tree}"))
	r.git("update-ref", "-m", "and undone", "refs/heads/tried", "topic")
	b := newBench(t, r.root)
	part, _ := b.capture()
	require.Empty(t, b.resume(part))
	_, err := b.driver.Clear(t.Context(), b.ws, part, b.memory, "main")
	require.NoError(t, err)
	require.Empty(t, b.resume(part))
}

// A linked worktree that was removed comes back, and its branch stays where it
// stood: the state before says what is checked out.
func TestResumeKeepsNoBranchUnderAWorktreeThatComesBack(t *testing.T) {
	r := newHistory(t)
	r.git("worktree", "add", "-q", "fix", "topic")
	b := newBench(t, r.root)
	part, facts := b.capture()
	r.git("worktree", "remove", "fix")
	r.git("checkout", "-q", "topic")
	r.commit("topic.go", "more\n")
	require.Equal(t, []string{"dogear/INC-42/topic, 1 commit of topic"}, isKept(b.resume(part)))
	require.Equal(t, facts["refs/heads/topic"], b.inspect()["refs/heads/topic"])
	require.Empty(t, repo{t: t, root: filepath.Join(r.root, "fix")}.git("status", "--porcelain"))
	_, err := os.Stat(filepath.Join(r.root, "fix", "topic.go"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
