package git

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestArmourHoldsWhateverIsRun (G27): the driver runs few commands, and most
// would not come near the programs that a repository names. The armour is for
// any command that does not look into submodules: these fall into its traps. It fails without
// core.hooksPath, core.fsmonitor, core.editor, core.sshCommand,
// credential.helper, protocol.allow and GIT_ALLOW_PROTOCOL together, gc.auto,
// commit.gpgSign or submodule.recurse.
func TestArmourHoldsWhateverIsRun(t *testing.T) {
	tr := newTraps(t)
	r := trapped(t, tr)
	r.git("config", "submodule.recurse", "true")
	r.git("config", "user.name", "Ada")
	r.git("config", "user.email", "ada@example.org")
	r.git("config", "remote.ext.url", "ext::"+tr.program("remote"))
	r.git("config", "protocol.ext.allow", "always")
	r.git("config", "remote.ssh.url", "ssh://nowhere.invalid/x")
	git, err := newProgram(t.Context(), r.root)
	require.NoError(t, err)
	for _, command := range [][]string{
		{"status", "--ignore-submodules=all"}, {"commit", "--allow-empty", "--no-status"}, {"commit", "-q", "--allow-empty", "-m", "signed"},
		{"add", "--renormalize", "notes.txt", "src", "big.slow"}, {"gc", "--auto"}, {"maintenance", "run", "--auto"}, {"rebase", "-i", "HEAD~1"},
		{"fetch", "ext"}, {"fetch", "ssh"}, {"credential", "fill"}, {"checkout", "-f", "HEAD~1"}, {"checkout", "-f", "later"},
	} {
		_, _ = git.run(t.Context(), command...) // many have to fail
		require.Empty(t, tr.sprung(), command)
	}
}

// TestVariablesOfAHookAreDropped (G27): an agent that a hook has started
// inherits the variables that git gives to hooks. With them (without Drop in
// program.command) it would work on the repository of the hook.
func TestVariablesOfAHookAreDropped(t *testing.T) {
	r, other := newHistory(t), newHistory(t)
	other.write("notes.txt", "other\n")
	r.write("notes.txt", "edited\n")
	b := newBench(t, r.root)
	plain, facts := b.capture()
	before := bytesOf(t, other.root)
	gitDir := filepath.Join(other.root, ".git")
	for name, value := range map[string]string{
		"GIT_DIR": gitDir, "GIT_WORK_TREE": other.root, "GIT_INDEX_FILE": filepath.Join(gitDir, "index"), "GIT_PREFIX": "src/",
		"GIT_OBJECT_DIRECTORY": filepath.Join(gitDir, "objects"), "GIT_ALTERNATE_OBJECT_DIRECTORIES": filepath.Join(gitDir, "objects"),
		"GIT_CONFIG_PARAMETERS": "'core.bare=true'", "GIT_CEILING_DIRECTORIES": "/", "GIT_NAMESPACE": "other", "GIT_COMMON_DIR": gitDir,
	} {
		t.Setenv(name, value)
	}
	b = newBench(t, r.root)
	part, again := b.capture()
	require.Equal(t, facts, again)
	require.Equal(t, plain.Crumbs, part.Crumbs)
	_, err := b.driver.Clear(t.Context(), b.ws, part, b.memory, "topic")
	require.NoError(t, err)
	r.commit("later", "x")
	require.NotEmpty(t, b.resume(part))
	require.Equal(t, before, bytesOf(t, other.root))
	r.git("diff-files", "--quiet", "--", "src")
}

// TestNamesAreBytes (G26): names with line ends, quotes, leading dashes and
// bytes that are no text come through everything that git is asked for. It
// fails where -z is left out of a command (ls-files, ls-tree, status).
func TestNamesAreBytes(t *testing.T) {
	names := []string{"new\nline", "-dash", "bad\xff\xfe", `"quoted" `, "tab\there", "glob*[x]", ":(top)x", " "}
	r := newHistory(t)
	for _, name := range names {
		r.write("committed/"+name, "one\n")
	}
	r.git("add", "-A")
	r.git("commit", "-q", "-m", "odd")
	for _, name := range names {
		r.write("committed/"+name, "edited\n")
		r.write("untracked/"+name, "x")
	}
	b := newBench(t, r.root)
	requireAgreement(t, r)
	part, facts, lines := b.clear("main")
	require.Len(t, lines, 1, lines)
	require.Empty(t, r.git("status", "--porcelain"))
	require.NoDirExists(t, filepath.Join(r.root, "untracked"))
	b.restore(part, facts)
	for _, name := range names {
		require.Equal(t, "edited\n", read(t, r, "committed/"+name))
		require.NoError(t, os.Remove(filepath.Join(r.root, "untracked", name)))
		r.write("since/"+name, "x")
	}
	kept := notKept(b.resume(part))
	require.Len(t, kept, 1)
	require.Contains(t, kept[0], `since/bad\xff\xfe`)
	require.Equal(t, facts, b.inspect())
}
