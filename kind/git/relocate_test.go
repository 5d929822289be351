package git

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// relocated restores a part at another place and returns the workspace there.
func (b *bench) relocated(part kind.Part, to string) (*bench, kind.Relocated) {
	b.t.Helper()
	ctx := b.t.Context()
	moved, err := b.driver.Relocate(ctx, part, b.memory, b.memory, b.ws.Root, to)
	require.NoError(b.t, err)
	there := &bench{t: b.t, ws: workspaceOf(to), item: moved.Part.Item(), memory: b.memory, driver: b.driver}
	require.NoError(b.t, b.driver.Restore(ctx, there.ws, moved.Part, b.memory))
	require.Equal(b.t, collect(b.t, b.driver.Rest(ctx, moved.Part, b.memory)), collect(b.t, b.driver.InspectRest(ctx, there.ws, moved.Part.Item())))
	require.NoError(b.t, b.driver.Start(ctx, there.ws, moved.Part, b.memory))
	return there, moved
}

// bytesOf is every byte below a directory, by path.
func bytesOf(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range dirs {
		require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			require.NoError(t, err)
			switch {
			case entry.Type().IsRegular():
				content, err := os.ReadFile(path)
				require.NoError(t, err)
				all[path] = string(content)
			case entry.Type()&fs.ModeSymlink != 0:
				target, err := os.Readlink(path)
				require.NoError(t, err)
				all[path] = "-> " + target
			default:
				all[path] = entry.Type().String()
			}
			return nil
		}))
	}
	return all
}

// TestCopyLeavesTheOriginalAlone (G13): whatever git does in a copy, with its
// linked worktree, its submodule and its sibling, it does to the copy. The
// links are rewritten in the manifest, so no file with the old ones is ever
// there, and what is linked outside the workspace is left out of the copy.
func TestCopyLeavesTheOriginalAlone(t *testing.T) {
	r, library := newHistory(t), newHistory(t)
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.root, "libs/notes")
	r.commit("with", "a submodule\n")
	r.git("worktree", "add", "-q", "fix", "topic")
	outside := filepath.Join(t.TempDir(), "outside")
	r.git("worktree", "add", "-q", "-b", "elsewhere", outside)
	r.git("-C", "libs/notes", "config", "core.worktree", filepath.Join(r.root, "libs", "notes")) // as old versions of git write it
	r.git("config", "remote.here.url", r.root)
	r.git("config", "remote.beside.url", r.root+"2") // another directory
	r.write("fix/half", "done\n")
	b := newBench(t, r.root)
	part, facts := b.capture()
	before := bytesOf(t, r.root, outside)

	to := filepath.Join(t.TempDir(), "copy")
	there, moved := b.relocated(part, to)
	require.Len(t, moved.Gaps, 1)
	require.Equal(t, ".git/worktrees/outside", moved.Gaps[0].What)
	for _, name := range changed(facts, there.inspect()) {
		require.True(t, moved.Excuses(name), name)
	}
	for name, content := range bytesOf(t, to) {
		if name != filepath.Join(to, ".git", "config") {
			require.NotContains(t, content, r.root, name)
		}
	}
	c := repo{t: t, root: to}
	require.Equal(t, to, c.git("config", "remote.here.url"))
	require.Equal(t, r.root+"2", c.git("config", "remote.beside.url"))

	fix, sub := repo{t: t, root: filepath.Join(to, "fix")}, repo{t: t, root: filepath.Join(to, "libs", "notes")}
	require.Equal(t, "?? half", fix.git("status", "--porcelain"))
	fix.git("add", ".")
	fix.git("commit", "-q", "-m", "in the copy")
	sub.commit("notes.txt", "in the copy\n")
	sub.git("checkout", "-q", "-f", "HEAD~1")
	c.git("worktree", "repair")
	c.git("worktree", "prune", "--expire=now")
	c.git("worktree", "lock", "fix")
	c.git("checkout", "-q", "-f", "HEAD~1")
	c.git("gc", "-q", "--prune=now")
	require.Equal(t, before, bytesOf(t, r.root, outside))
	require.NotContains(t, c.git("worktree", "list"), outside)
	r.git("fsck", "--strict", "--connectivity-only")
}

// TestCopyOfALinkedWorktree: of a repository outside the workspace a copy has
// the files, and not the link: "git add" there would stage into the original.
func TestCopyOfALinkedWorktree(t *testing.T) {
	r := newHistory(t)
	inside := filepath.Join(t.TempDir(), "fix")
	r.git("worktree", "add", "-q", inside, "topic")
	b := &bench{t: t, ws: workspaceOf(inside), item: find(t, inside)[0], memory: newMemory(), driver: New()}
	part, _ := b.capture()
	moved, err := b.driver.Relocate(t.Context(), part, b.memory, b.memory, inside, inside+"-copy")
	require.NoError(t, err)
	require.NoError(t, b.driver.Restore(t.Context(), workspaceOf(inside+"-copy"), moved.Part, b.memory))
	require.NoFileExists(t, filepath.Join(inside+"-copy", ".git"))
	require.FileExists(t, filepath.Join(inside+"-copy", "notes.txt"))
	require.Len(t, moved.Gaps, 1)
}

// TestCopyRefusesAWorktreeElsewhere: the copy's git would write there.
func TestCopyRefusesAWorktreeElsewhere(t *testing.T) {
	r := newHistory(t)
	b := newBench(t, r.root)
	r.git("config", "core.worktree", t.TempDir())
	part, _ := b.capture()
	_, err := b.driver.Relocate(t.Context(), part, b.memory, b.memory, r.root, r.root+"-copy")
	require.ErrorContains(t, err, "core.worktree")
}

// TestCopyFollowsNoLinkBack: a .git directory made of links, as
// git-new-workdir makes it, and relative links. It fails (G13) if links in a
// git directory are not rewritten (gitlink: rewrite).
func TestCopyFollowsNoLinkBack(t *testing.T) {
	r := newHistory(t)
	require.NoError(t, os.Rename(filepath.Join(r.root, ".git", "objects"), filepath.Join(r.root, "store")))
	require.NoError(t, os.Symlink(filepath.Join(r.root, "store"), filepath.Join(r.root, ".git", "objects")))
	require.NoError(t, os.Symlink("/opt/hooks/pre-push", filepath.Join(r.root, ".git", "hooks", "pre-push")))
	b := newBench(t, r.root)
	part, _ := b.capture()
	to := filepath.Join(t.TempDir(), "copy")
	_, moved := b.relocated(part, to)
	target, err := os.Readlink(filepath.Join(to, ".git", "objects"))
	require.NoError(t, err)
	require.Equal(t, filepath.Join(to, "store"), target)
	require.Len(t, moved.Gaps, 1)
	require.True(t, strings.HasSuffix(moved.Gaps[0].Why, "/opt/hooks/pre-push"))
}
