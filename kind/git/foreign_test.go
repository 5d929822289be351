package git

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// TestWorktreesOutsideAreLeftAlone: a linked worktree outside the workspace is
// somebody else's desk. Its HEAD and index, which the repository holds, stay
// under its files when the repository is restored, and so does every object
// that they may need, also those of a worktree that was added since.
func TestWorktreesOutsideAreLeftAlone(t *testing.T) {
	for _, keep := range []bool{false, true} {
		r := newHistory(t)
		outside := repo{t: t, root: filepath.Join(t.TempDir(), "outside")}
		late := repo{t: t, root: filepath.Join(t.TempDir(), "late")}
		if keep { // and one case in which the part knows of none
			r.git("worktree", "add", "-q", "--detach", outside.root, "topic")
		}
		b := newBench(t, r.root)
		part, facts := b.capture()
		if !keep {
			r.git("worktree", "add", "-q", "--detach", outside.root, "topic")
		}
		outside.commit("fix.go", "only there\n")
		outside.write("staged.go", "staged\n")
		outside.git("add", ".")
		r.git("worktree", "add", "-q", "-b", "late", late.root)
		late.commit("late.go", "late\n")
		r.write("notes.txt", "wrecked\n")
		before := outside.git("status", "--porcelain=v2", "--branch")
		head := late.git("rev-parse", "HEAD")

		left, err := b.driver.Narrow(t.Context(), b.ws, part, b.memory)
		require.NoError(t, err)
		require.Contains(t, left.Gap.What, "late, outside")
		if keep {
			require.Equal(t, []string{
				"dogear/INC-42/detached, 1 commit without a branch", "late, 1 commit",
			}, isKept(b.resume(part)))
			require.Equal(t, head, late.git("rev-parse", "HEAD"))
			require.Empty(t, late.git("status", "--porcelain"))
		} else {
			require.NoError(t, b.driver.Restore(t.Context(), b.ws, part, b.memory))
			require.NoError(t, b.driver.Start(t.Context(), b.ws, part, b.memory))
		}
		require.Equal(t, before, outside.git("status", "--porcelain=v2", "--branch"))
		outside.git("fsck", "--connectivity-only")
		require.Equal(t, "ref: refs/heads/main", b.inspect()["HEAD"])
		require.Equal(t, facts["./notes.txt"], b.inspect()["./notes.txt"])
		change, err := b.driver.Preview(t.Context(), b.ws, part, b.memory)
		require.NoError(t, err)
		for name := range b.inspect() {
			require.False(t, facts[name] == "" && name[0] == '.' && !left.Leaves(name), name)
		}
		if !keep {
			require.Equal(t, kind.ActionNone, change.Action, change.Details)
		}
	}
}

// Files of a linked worktree outside that are not there any more, or that are
// not those of the repository, are in no snapshot, which says so.
func TestWorktreesOutsideThatCannotBeCapturedAreNamed(t *testing.T) {
	r := newHistory(t)
	outside := filepath.Join(t.TempDir(), "outside")
	r.git("worktree", "add", "-q", "--detach", outside, "topic")
	require.NoError(t, os.WriteFile(filepath.Join(outside, ".git"), []byte("gitdir: /nowhere\n"), 0o644))
	part, _ := newBench(t, r.root).capture()
	require.Len(t, part.Claims, 1)
	require.Len(t, part.Gaps, 1)
	require.Equal(t, "the files of the linked worktree outside", part.Gaps[0].What)
}
