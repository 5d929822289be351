package git

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// withOutside is a repository in the middle of something in a linked worktree
// outside its workspace.
func withOutside(t *testing.T) (main, outside repo) {
	t.Helper()
	main = newHistory(t)
	outside = repo{t: t, root: filepath.Join(t.TempDir(), "outside")}
	main.git("worktree", "add", "-q", outside.root, "topic")
	outside.write("notes.txt", "conflict\n")
	outside.git("commit", "-qam", "conflicting")
	_, err := outside.try("merge", "main")
	require.Error(t, err)
	outside.write("src/app.go", "staged\n")
	outside.git("add", "src/app.go")
	outside.write("src/app.go", "not staged\n")
	outside.write("untracked", "x")
	return main, outside
}

// TestWorktreesOutsideComeBackOnRequest: a linked worktree outside the
// workspace is captured with its repository, stays as it is in a restore, and
// comes back under -o git.outside-worktrees=true, in its place, with its HEAD,
// its index and its operation. It fails if the worktree is no item (addApart),
// if the option is not needed (stays), or if HEAD and index are left out under
// it (isForeign).
func TestWorktreesOutsideComeBackOnRequest(t *testing.T) {
	wrecks := map[string]func(r, outside repo){
		"moved on": func(_, outside repo) { outside.git("reset", "-q", "--hard"); outside.commit("other.go", "other\n") },
		"removed":  func(r, outside repo) { r.git("worktree", "remove", "--force", outside.root) },
		"pruned": func(r, outside repo) {
			require.NoError(t, os.RemoveAll(outside.root))
			r.git("worktree", "prune", "--expire=now")
		},
		"no longer": func(r, outside repo) {
			require.NoError(t, os.RemoveAll(filepath.Join(r.root, ".git")))
			require.NoError(t, os.RemoveAll(outside.root))
		},
	}
	for name, wreck := range wrecks {
		t.Run(name, func(t *testing.T) {
			r, outside := withOutside(t)
			d := newDesk(r, nil)
			require.Len(t, d.items, 2)
			d.capture()
			for _, part := range d.parts {
				require.Empty(t, part.Gaps)
			}
			before, said := bytesOf(t, outside.root), outside.git("status", "--porcelain=v2", "--branch")
			wreck(r, outside)
			wrecked := map[string]string{}
			if _, err := os.Stat(outside.root); err == nil {
				wrecked = bytesOf(t, outside.root)
			}
			d.eachPart(func(part kind.Part) {
				require.NoError(t, d.driver.Restore(t.Context(), d.ws, part, d.memory))
				require.NoError(t, d.driver.Start(t.Context(), d.ws, part, d.memory))
			})
			if len(wrecked) > 0 {
				require.Equal(t, wrecked, bytesOf(t, outside.root), "without the option")
			} else {
				require.NoDirExists(t, outside.root)
			}

			d.ws.Options = map[string]string{"git.outside-worktrees": "true"}
			d.restore()
			require.Equal(t, before, bytesOf(t, outside.root))
			d.start()
			require.Equal(t, said, outside.git("status", "--porcelain=v2", "--branch"))
			require.NotContains(t, r.git("worktree", "list", "--porcelain"), "prunable")
			outside.git("fsck", "--connectivity-only")
			outside.git("checkout", "--ours", "notes.txt")
			outside.git("add", ".")
			outside.git("commit", "-q", "-m", "merged")
		})
	}
}

func (d *desk) eachPart(do func(kind.Part)) {
	for _, part := range d.parts {
		do(part)
	}
}

// TestWorktreesOutsideOverwriteNothing: what is now in the place of a worktree
// that was removed is in no snapshot, and stays.
func TestWorktreesOutsideOverwriteNothing(t *testing.T) {
	r, outside := withOutside(t)
	d := newDesk(r, nil)
	d.capture()
	r.git("worktree", "remove", "--force", outside.root)
	outside.write("letter.txt", "dear\n")
	d.ws.Options = map[string]string{"git.outside-worktrees": "true"}
	refused := 0
	d.eachPart(func(part kind.Part) {
		change, err := d.driver.Preview(t.Context(), d.ws, part, d.memory)
		require.NoError(t, err)
		if part.Root == outside.root {
			require.Len(t, change.Conflicts, 1)
			require.ErrorIs(t, d.driver.Restore(t.Context(), d.ws, part, d.memory), errOccupied)
			refused++
		}
	})
	require.Equal(t, 1, refused)
	require.Equal(t, "dear\n", read(t, outside, "letter.txt"))
}

// TestWorktreesOutsideOfOlderSnapshots: a snapshot that has no files of a
// worktree does not move its HEAD and index either.
func TestWorktreesOutsideOfOlderSnapshots(t *testing.T) {
	r, outside := withOutside(t)
	b := newBench(t, r.root)
	b.item.Claims = b.item.Claims[:1]
	part, _ := b.capture()
	require.Equal(t, "the files of the linked worktree outside", part.Gaps[0].What)
	outside.git("reset", "-q", "--hard")
	said := outside.git("status", "--porcelain=v2", "--branch")
	b.ws.Options = map[string]string{"git.outside-worktrees": "true"}
	r.write("notes.txt", "changed\n")
	require.NoError(t, b.driver.Restore(t.Context(), b.ws, part, b.memory))
	require.Equal(t, said, outside.git("status", "--porcelain=v2", "--branch"))
}

// TestWorktreeOutsideIsRemovedByARollbackOnly: with its registration.
func TestWorktreeOutsideIsRemovedByARollbackOnly(t *testing.T) {
	r, outside := withOutside(t)
	d := newDesk(r, nil)
	require.NoError(t, d.driver.Remove(t.Context(), d.ws, d.items[indexOfApart(d.items)]))
	require.NoDirExists(t, outside.root)
	require.NotContains(t, r.git("worktree", "list", "--porcelain"), outside.root)
	require.Empty(t, r.git("status", "--porcelain"))
}

func indexOfApart(items []kind.Item) int {
	for i, item := range items {
		if item.Apart {
			return i
		}
	}
	return -1
}

// Submodules of a linked worktree have their git directories in its own.
func TestSubmodulesOfLinkedWorktreesHaveTheirOwnFacts(t *testing.T) {
	r, library := newHistory(t), newHistory(t)
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.root, "libs/notes")
	r.commit("with", "a submodule\n")
	r.git("worktree", "add", "-q", "-b", "fix", "fix")
	fix := repo{t: t, root: filepath.Join(r.root, "fix")}
	fix.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")
	sub := repo{t: t, root: filepath.Join(fix.root, "libs", "notes")}
	b := newBench(t, r.root)
	part, facts := b.capture()
	require.Equal(t, sub.git("rev-parse", "HEAD"), facts["worktrees/fix/modules/libs/notes: HEAD"])
	require.NoError(t, os.Chtimes(filepath.Join(sub.root, "notes.txt"), fixedTime, fixedTime))
	sub.git("update-index", "--refresh") // which rewrites its stat cache
	b.requireChanges(part, []string{"./fix/libs/notes/notes.txt"})
	sub.git("commit", "-q", "--allow-empty", "-m", "only here")
	b.restore(part, facts)
	sub.git("diff-files", "--quiet")
}

// TestWorktreesOutsideAreLocked: a git command that runs in the worktree is
// waited for and named, and none begins while its files come back. It fails
// without the locks in the repository's directory for it (gitDirElsewhere).
func TestWorktreesOutsideAreLocked(t *testing.T) {
	r, outside := withOutside(t)
	d := newDesk(r, nil)
	d.driver.patience = time.Millisecond
	d.capture()
	outside.write("notes.txt", "changed\n")
	lock := filepath.Join(r.root, ".git", "worktrees", "outside", "index.lock")
	_, release := hold(t, lock)
	d.ws.Options = map[string]string{"git.outside-worktrees": "true"}
	part := d.parts[indexOfApart(d.items)]
	require.ErrorContains(t, d.driver.Restore(t.Context(), d.ws, part, d.memory), "holds "+lock)
	require.Equal(t, "changed\n", read(t, outside, "notes.txt"))
	release()
	require.NoError(t, d.driver.Restore(t.Context(), d.ws, part, d.memory))
	require.NoFileExists(t, lock)
}
