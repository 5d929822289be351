package git

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/proc"
	"dogear/internal/testbed"
)

// traps are programs that a repository has git run. Each leaves a mark.
type traps struct {
	t   *testing.T
	dir string
}

func newTraps(t *testing.T) traps {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	return traps{t: t, dir: dir}
}

// program returns a program that leaves a mark. A filter passes on what it gets.
func (tr traps) program(name string) string {
	path := filepath.Join(tr.dir, "bin", name)
	require.NoError(tr.t, os.MkdirAll(filepath.Dir(path), 0o755))
	script := fmt.Sprintf("#!/bin/sh\necho ran >> %q\ncase $0 in *clean|*smudge) cat ;; esac\n", filepath.Join(tr.dir, name+".ran"))
	require.NoError(tr.t, os.WriteFile(path, []byte(script), 0o755))
	return path
}

// sprung lists the traps that ran, and resets them.
func (tr traps) sprung() []string {
	tr.t.Helper()
	marks, err := filepath.Glob(filepath.Join(tr.dir, "*.ran"))
	require.NoError(tr.t, err)
	var names []string
	for _, mark := range marks {
		names = append(names, strings.TrimSuffix(filepath.Base(mark), ".ran"))
		require.NoError(tr.t, os.Remove(mark))
	}
	return names
}

var hookNames = []string{
	"pre-commit", "post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman", "post-rewrite",
	"pre-auto-gc", "post-merge", "pre-push", "update", "post-update", "pre-receive", "post-receive", "proc-receive",
}

// plant sets a trap for each way in which a repository names a program.
func (tr traps) plant(r repo, prefix string) {
	tr.t.Helper()
	for _, hook := range hookNames {
		path := filepath.Join(r.git("rev-parse", "--absolute-git-dir"), "hooks", hook)
		require.NoError(tr.t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(tr.t, os.RemoveAll(path))
		require.NoError(tr.t, os.Symlink(tr.program(prefix+"hook-"+hook), path))
	}
	for _, key := range []string{
		"core.fsmonitor", "core.pager", "core.editor", "sequence.editor", "core.sshCommand", "core.askPass", "core.gitProxy",
		"credential.helper", "gpg.program", "diff.external", "interactive.diffFilter", "core.alternateRefsCommand",
		"pager.status", "merge.evil.driver", "diff.evil.textconv", "diff.evil.command",
		"filter.evil.clean", "filter.evil.smudge", "filter.a=b.clean", "filter.a=b.smudge", "filter.slow.process", "filter." + prefix + "own.clean", "filter." + prefix + "own.smudge",
	} {
		r.git("config", key, tr.program(prefix+strings.ReplaceAll(key, "=", "-equals-")))
	}
	r.git("config", "hook.linter.command", tr.program(prefix+"hook.linter"))
	for _, event := range []string{"reference-transaction", "post-index-change", "post-checkout"} {
		r.git("config", "--add", "hook.linter.event", event)
	}
	r.git("config", "gc.auto", "1")
	r.git("config", "commit.gpgSign", "true")
}

const evilAttributes = "*.txt filter=evil diff=evil merge=evil\n*.go filter=a=b diff=evil\n*.slow filter=slow\n"

// trapped is a repository full of traps, with a submodule that has its own:
// git drops the armour of its environment for what it runs in a submodule.
func trapped(t *testing.T, tr traps) repo {
	t.Helper()
	r, library := newHistory(t), newHistory(t)
	library.commit(".gitattributes", "*.txt filter=sub-own\n")
	r.commit(".gitattributes", evilAttributes)
	r.commit("big.slow", "slow\n")
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.root, "sub")
	r.commit("with", "a submodule\n")
	r.git("checkout", "-q", "-b", "later")
	r.commit("later.txt", "later\n")
	r.git("checkout", "-q", "main")
	tr.plant(r, "")
	tr.plant(repo{t: t, root: filepath.Join(r.root, "sub")}, "sub-")
	for _, name := range []string{"notes.txt", "src/app.go", "sub/notes.txt"} {
		require.NoError(t, os.Chtimes(filepath.Join(r.root, name), fixedTime, fixedTime)) // git has to look again
	}
	require.Empty(t, tr.sprung())
	return r
}

// TestNothingOfARepositoryEverRuns (G27): through all that this driver does, no
// hook, file system monitor, filter, pager, editor, credential helper or ssh
// of a repository runs. Every git command gets its armour as variables (with
// -c a filter named a=b would run), and none looks into submodules by itself.
func TestNothingOfARepositoryEverRuns(t *testing.T) {
	tr := newTraps(t)
	for _, variable := range []string{"GIT_EDITOR", "GIT_PAGER", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND"} {
		t.Setenv(variable, tr.program(variable))
	}
	r := trapped(t, tr)
	b := newBench(t, r.root)
	part, facts := b.capture()
	require.Equal(t, facts, b.inspect())
	require.Empty(t, tr.sprung())

	require.NoError(t, b.driver.CanClear(t.Context(), b.ws, b.item, "later"))
	lines, err := b.driver.Clear(t.Context(), b.ws, part, b.memory, "later")
	require.NoError(t, err, lines)
	require.Empty(t, tr.sprung())

	git, err := newProgramAt(t.Context(), r.root, filepath.Join(r.root, ".git"))
	require.NoError(t, err)
	id, err := git.run(t.Context(), "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit-tree", "-p", "HEAD", "-m", "fix", "HEAD^{tree}")
	require.NoError(t, err)
	_, err = git.run(t.Context(), "update-ref", "refs/heads/hotfix", strings.TrimSpace(string(id)))
	require.NoError(t, err)
	r.write("notes.txt", "not committed\n")
	require.Len(t, b.resume(part), 2)
	require.Empty(t, tr.sprung())

	b.restore(part, facts)
	require.Empty(t, tr.sprung())

	// The traps do work: plain git falls into them, if not into all of them at once, as it gives up at a filter that
	// ends too early.
	all := []string{"core.fsmonitor", "filter.evil.clean", "filter.a-equals-b.clean", "hook-post-checkout", "sub-core.fsmonitor", "sub-filter.sub-own.clean"}
	var sprung []string
	testbed.Eventually(t, time.Minute, "plain git runs all of it", func() bool {
		for _, name := range []string{"notes.txt", "src/app.go", "sub/notes.txt"} {
			require.NoError(t, os.Chtimes(filepath.Join(r.root, name), time.Now(), time.Now()))
		}
		_, _ = r.try("-c", "core.fsmonitor=false", "status")
		_, _ = r.try("status")
		_, _ = r.try("checkout", "-f", "later")
		_, _ = r.try("checkout", "-f", "main")
		sprung = append(sprung, tr.sprung()...)
		return !slices.ContainsFunc(all, func(name string) bool { return !slices.Contains(sprung, name) })
	})
}

// TestNoFetchByOurHand (G15, G27): a partial clone whose remote is a program, and
// which allows itself that protocol. GIT_ALLOW_PROTOCOL goes over any
// configuration (protocol.allow does not), so no missing object is fetched.
func TestNoFetchByOurHand(t *testing.T) {
	tr := newTraps(t)
	origin := newHistory(t)
	origin.git("config", "uploadpack.allowFilter", "true")
	root := filepath.Join(t.TempDir(), "work")
	r := repo{t: t, root: filepath.Dir(root)}
	r.git("-c", "protocol.file.allow=always", "clone", "-q", "--no-local", "--filter=blob:none", "file://"+origin.root, root)
	r.root = root
	r.git("branch", "older", "main~2")
	r.git("config", "remote.origin.url", "ext::"+tr.program("remote"))
	r.git("config", "protocol.ext.allow", "always")
	b := newBench(t, r.root)
	part, facts := b.capture()
	_, err := b.driver.Clear(t.Context(), b.ws, part, b.memory, "older")
	require.ErrorContains(t, err, "check out") // its files are not here
	require.Empty(t, tr.sprung())
	git, err := newProgram(t.Context(), r.root)
	require.NoError(t, err)
	older := git.command("cat-file", "-e", "older:notes.txt")
	older.Env = slices.DeleteFunc(older.Env, func(v string) bool { return strings.HasPrefix(v, "GIT_NO_LAZY_FETCH") })
	_, err = proc.Run(t.Context(), older)
	require.Error(t, err)
	require.Empty(t, tr.sprung(), "a git that does not know GIT_NO_LAZY_FETCH")
	b.restore(part, facts)
	r.commit("more.txt", "more\n")
	require.NotEmpty(t, b.resume(part))
	require.Empty(t, tr.sprung())
	_, err = r.try("checkout", "older")
	require.Error(t, err)
	require.Equal(t, []string{"remote"}, tr.sprung())
}

// TestRootClearsAUsersRepositoryForItsOwner (G28): git runs as the owner of the
// repository, and what is written as root is given to the owner.
func TestRootClearsAUsersRepositoryForItsOwner(t *testing.T) {
	testbed.Require(t, "root")
	const nobody = 65534
	r := inTheMiddle(t)
	r.write(".git/hooks/post-index-change", "#!/bin/sh\nid -u > "+filepath.Join(r.root, "hook-ran")+"\n")
	require.NoError(t, os.Chmod(filepath.Join(r.root, ".git/hooks/post-index-change"), 0o755))
	chownAll(t, r.root, nobody)
	for dir := filepath.Dir(r.root); dir != os.TempDir(); dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	b := newBench(t, r.root)
	part, facts, _ := b.clear("main")
	requireOwner(t, r.root, nobody)
	require.NoFileExists(t, filepath.Join(r.root, "hook-ran"))
	b.restore(part, facts)
	requireOwner(t, r.root, nobody)
}

func requireOwner(t *testing.T, root string, uid uint32) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		require.Equal(t, uid, info.Sys().(*syscall.Stat_t).Uid, path)
		return nil
	}))
}

// fixedTime is when no file was really written: git has to read such a file.
var fixedTime = time.Unix(1_600_000_000, 0)
