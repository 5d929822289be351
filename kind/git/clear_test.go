package git

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/testbed"
	"dogear/kind"
)

// clear captures and clears, as a pause does.
func (b *bench) clear(at string) (kind.Part, map[string]string, []string) {
	b.t.Helper()
	require.NoError(b.t, b.driver.CanClear(b.t.Context(), b.ws, b.item, at))
	part, facts := b.capture()
	lines, err := b.driver.Clear(b.t.Context(), b.ws, part, b.memory, at)
	require.NoError(b.t, err)
	return part, facts, lines
}

// inTheMiddle is a repository with a bit of everything: a stopped rebase with
// a conflict, changes staged and not, files untracked and ignored, a stash.
func inTheMiddle(t *testing.T) repo {
	t.Helper()
	r := newHistory(t)
	r.git("checkout", "-q", "topic")
	r.commit(".gitignore", "*.log\nbuild/\n")
	r.write("notes.txt", "conflict\n")
	r.git("commit", "-qam", "conflicting")
	r.write("notes.txt", "stashed\n")
	r.git("stash", "push", "-q", "-m", "half done")
	_, err := r.try("rebase", "main")
	require.Error(t, err)
	r.write("src/app.go", "package app // staged\n")
	r.git("add", "src/app.go")
	r.write("src/app.go", "package app // not staged\n")
	r.write("src/new.go", "package app\n")
	r.git("add", "-N", "src/new.go")
	r.write("tmp/deep/untracked", "x")
	r.write("out.log", "ignored")
	r.write("build/out", "ignored")
	return r
}

// TestClear: after a clearing git sees nothing and no operation, branches and
// stashes are where they were, ignored files are there; coming back brings
// all of it, and the rebase goes on. No porcelain is involved that would move
// the branch (git rebase --abort); the state is removed by us.
func TestClear(t *testing.T) {
	for at, head := range map[string]string{"main": "ref: refs/heads/main", "refs/heads/main": "ref: refs/heads/main", "main~1": "", "v1": ""} {
		t.Run(at, func(t *testing.T) {
			r := inTheMiddle(t)
			r.git("tag", "-a", "-m", "one", "v1", "main~2")
			b := newBench(t, r.root)
			refs, status := r.git("for-each-ref"), r.git("status", "--porcelain=v2", "--branch")
			part, facts, lines := b.clear(at)
			require.Len(t, lines, 2, lines)
			require.Contains(t, lines[0], "clean at ")
			require.Equal(t, "left there, as it was ignored or is not in the snapshot: build, out.log", lines[1]) // .gitignore is not on main

			require.Equal(t, "?? build/\n?? out.log", r.git("status", "--porcelain"))
			require.NotContains(t, r.git("status"), "rebas")
			if head != "" {
				require.Equal(t, head, r.facts()["HEAD"])
			} else {
				require.Equal(t, r.git("rev-parse", at+"^{commit}"), r.facts()["HEAD"])
			}
			require.Empty(t, r.facts()["operation"])
			require.Equal(t, refs, r.git("for-each-ref"))
			require.Equal(t, r.git("show", at+":notes.txt")+"\n", read(t, r, "notes.txt"))
			require.NoDirExists(t, filepath.Join(r.root, "tmp"))
			require.NoFileExists(t, filepath.Join(r.root, "src", "new.go"))
			requireNoLeftovers(t, r)

			b.restore(part, facts)
			require.Equal(t, status, r.git("status", "--porcelain=v2", "--branch"))
			r.git("checkout", "--theirs", "notes.txt")
			r.git("add", ".")
			r.git("rebase", "--continue")
		})
	}
}

func read(t *testing.T, r repo, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(r.root, name))
	require.NoError(t, err)
	return string(content)
}

func requireNoLeftovers(t *testing.T, r repo) {
	t.Helper()
	for _, pattern := range []string{"*.lock", "*/*.lock", "dogear*", "modules/*/dogear*", "modules/*/*.lock"} {
		found, err := filepath.Glob(filepath.Join(r.root, ".git", pattern))
		require.NoError(t, err)
		require.Empty(t, found)
	}
}

// TestClearIgnored: with the option ignored files go, and come back; a
// repository within stays, whatever git thinks of it. It fails (G32) if all that
// is untracked counts as ignored, or nothing (clearing.untracked).
func TestClearIgnored(t *testing.T) {
	r := newHistory(t)
	r.commit(".gitignore", "*.log\nbuild/\n")
	r.write("out.log", "ignored")
	r.write("build/deep/out", "ignored")
	inner := initRepo(t, filepath.Join(r.root, "build", "inner"))
	inner.commit("first", "x")
	b := newBench(t, r.root)
	part, facts, lines := b.clear("main")
	require.Len(t, lines, 1)
	require.FileExists(t, filepath.Join(r.root, "out.log"))

	b.ws.Options = map[string]string{"git.clean-ignored": "true"}
	lines, err := b.driver.Clear(t.Context(), b.ws, b.recapture(), b.memory, "main")
	require.NoError(t, err)
	require.Len(t, lines, 1)
	require.NoFileExists(t, filepath.Join(r.root, "out.log"))
	require.NoDirExists(t, filepath.Join(r.root, "build", "deep"))
	require.Empty(t, inner.git("status", "--porcelain"))
	b.restore(part, facts)
	require.FileExists(t, filepath.Join(r.root, "build", "deep", "out"))
}

func (b *bench) recapture() kind.Part {
	part, _ := b.capture()
	return part
}

// TestClearSubmodules: a submodule follows to the commit that the state names,
// and comes back with what only it had. It fails (G14) if submodules are not
// cleared along (clearing.submodules).
func TestClearSubmodules(t *testing.T) {
	r, library := newHistory(t), newHistory(t)
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.root, "libs/notes")
	r.commit("with", "a submodule\n")
	sub := repo{t: t, root: filepath.Join(r.root, "libs", "notes")}
	named := sub.git("rev-parse", "HEAD")
	sub.commit("notes.txt", "only here\n")
	sub.write("dirty", "x")
	b := newBench(t, r.root)
	part, facts, _ := b.clear("main")
	require.Empty(t, r.git("status", "--porcelain"))
	require.Equal(t, named, sub.git("rev-parse", "HEAD"))
	requireNoLeftovers(t, r)
	b.restore(part, facts)
	require.Equal(t, "x", read(t, sub, "dirty"))
}

// TestClearRefuses: what is in the way is said before anything is touched.
func TestClearRefuses(t *testing.T) {
	r := newHistory(t)
	r.git("worktree", "add", "-q", "fix", "topic")
	b := newBench(t, r.root)
	can := func(at string) error { return b.driver.CanClear(t.Context(), b.ws, b.item, at) }
	require.ErrorIs(t, can("nothing"), kind.ErrNoState)
	require.ErrorIs(t, can("--all"), kind.ErrNoState)
	require.ErrorContains(t, can("topic"), "checked out in the linked worktree fix; topic~0")
	require.NoError(t, can("topic~0"))
	r.git("config", "core.worktree", t.TempDir())
	require.ErrorContains(t, can("main"), "core.worktree")
}

// TestClearDestroysNothingThatWasNotCaptured: a file that was written after the
// capture stays (the part is compared under the repository's locks), and so
// does what is in a file system mounted there, which no capture enters.
func TestClearDestroysNothingThatWasNotCaptured(t *testing.T) {
	t.Run("changed since", func(t *testing.T) {
		r := newHistory(t)
		b := newBench(t, r.root)
		part, _ := b.capture()
		r.write("late", "written after the capture")
		_, err := b.driver.Clear(t.Context(), b.ws, part, b.memory, "topic")
		require.ErrorIs(t, err, errNotAsCaptured)
		require.FileExists(t, filepath.Join(r.root, "late"))
		require.Equal(t, "ref: refs/heads/main", r.facts()["HEAD"])
	})
	t.Run("mounted", func(t *testing.T) {
		testbed.Require(t, "root")
		r := newHistory(t)
		other := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(other, "theirs"), []byte("x"), 0o600))
		require.NoError(t, os.Mkdir(filepath.Join(r.root, "mnt"), 0o755))
		bind(t, other, filepath.Join(r.root, "mnt"))
		b := newBench(t, r.root)
		b.clear("topic")
		require.FileExists(t, filepath.Join(other, "theirs"))

		r.write("mnt/tracked", "x")
		r.git("add", "mnt/tracked")
		part, _ := b.capture()
		_, err := b.driver.Clear(t.Context(), b.ws, part, b.memory, "main")
		require.ErrorContains(t, err, "mnt is not in the snapshot")
		require.FileExists(t, filepath.Join(other, "tracked"))
	})
}

func bind(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, unix.Mount(from, to, "", unix.MS_BIND, ""))
	t.Cleanup(func() { testbed.Unmount(t, to) })
}

// TestClearRespectsLocks: a git command that runs is named, and nothing is done.
func TestClearRespectsLocks(t *testing.T) {
	r := newHistory(t)
	b := newBench(t, r.root)
	b.driver.patience = time.Millisecond
	part, _ := b.capture()
	lock := filepath.Join(r.root, ".git", "index.lock")
	_, release := hold(t, lock)
	_, err := b.driver.Clear(t.Context(), b.ws, part, b.memory, "topic")
	require.ErrorContains(t, err, "holds "+lock)
	require.ErrorContains(t, b.driver.CanClear(t.Context(), b.ws, b.item, "topic"), "holds "+lock)
	require.FileExists(t, lock)
	release()
	requireNoLeftovers(t, r)
}

// TestClearUnborn: a repository without a commit has no state to go to, and one
// without an index can be cleared.
func TestClearUnborn(t *testing.T) {
	r := newRepo(t)
	b := newBench(t, r.root)
	require.ErrorIs(t, b.driver.CanClear(t.Context(), b.ws, b.item, "main"), kind.ErrNoState)
	full := newHistory(t)
	require.NoError(t, os.Remove(filepath.Join(full.root, ".git", "index")))
	b = newBench(t, full.root)
	part, facts, _ := b.clear("main")
	require.Empty(t, full.git("status", "--porcelain"))
	b.restore(part, facts)
}
