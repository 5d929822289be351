package git

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/proc"
)

// TestArmourHoldsWhateverIsRun (G27): the driver runs few commands, and most
// would not come near the programs that a repository names. The armour is for
// any command that does not look into submodules: these fall into its traps.
// It fails without core.hooksPath, core.fsmonitor, core.editor,
// sequence.editor, core.askPass, credential.helper, submodule.recurse, gc.auto,
// what disarm says of filters, both of commit.gpgSign and gpg.program, or both
// of protocol.allow and GIT_ALLOW_PROTOCOL. Behind these core.sshCommand is out
// of reach, and so is core.pager where no terminal is.
func TestArmourHoldsWhateverIsRun(t *testing.T) {
	tr := newTraps(t)
	r := trapped(t, tr)
	r.git("config", "submodule.recurse", "true")
	r.git("config", "user.name", "Ada")
	r.git("config", "user.email", "ada@example.org")
	r.git("config", "remote.ext.url", "ext::"+tr.program("remote"))
	r.git("config", "protocol.ext.allow", "always")
	r.git("config", "remote.ssh.url", "ssh://nowhere.invalid/x")
	r.git("-c", "gc.auto=0", "repack", "-q", "-d")
	r.git("hash-object", "-w", "notes.txt")
	r.git("config", "gc.autoPackLimit", "1")
	pack := r.packs()[0]
	require.NoError(t, os.Link(pack, strings.Replace(pack, "pack-", "pack-0", 1)))
	require.NoError(t, os.Link(strings.TrimSuffix(pack, "pack")+"idx", strings.TrimSuffix(strings.Replace(pack, "pack-", "pack-0", 1), "pack")+"idx"))
	packs := r.packs()
	git, err := newProgram(t.Context(), r.root)
	require.NoError(t, err)
	tr.sprung()
	for _, command := range [][]string{
		{"status", "--ignore-submodules=all"}, {"commit", "--allow-empty", "--no-status"}, {"commit", "-q", "--allow-empty", "-m", "signed"},
		{"add", "--renormalize", "notes.txt", "src", "big.slow"}, {"gc", "--auto"}, {"maintenance", "run", "--auto"}, {"rebase", "-i", "HEAD~1"},
		{"fetch", "ext"}, {"fetch", "ssh"}, {"checkout", "-f", "HEAD~1"}, {"checkout", "-f", "later"},
	} {
		_, _ = git.run(t.Context(), command...) // many have to fail
		require.Empty(t, tr.sprung(), command)
	}
	fill := git.command("credential", "fill")
	fill.Stdin = strings.NewReader("protocol=https\nhost=nowhere.invalid\n\n")
	_, err = proc.Run(t.Context(), fill)
	require.Error(t, err)
	require.Empty(t, tr.sprung(), "credentials")
	require.Equal(t, packs, r.packs(), "garbage was collected")
}

func (r repo) packs() []string {
	packs, err := filepath.Glob(filepath.Join(r.root, ".git", "objects", "pack", "*.pack"))
	require.NoError(r.t, err)
	return packs
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
