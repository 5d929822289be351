package git

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// variants are the formats in which git keeps the same state.
var variants = []struct {
	name  string
	setUp func(r repo)
	init  []string
}{
	{name: "index version 2", setUp: func(r repo) { r.git("update-index", "--index-version", "2") }},
	{name: "index version 3", setUp: func(r repo) { r.git("update-index", "--index-version", "3", "--skip-worktree", "notes.txt") }},
	{name: "index version 4", setUp: func(r repo) { r.git("update-index", "--index-version", "4") }},
	{name: "split index", setUp: func(r repo) {
		r.git("update-index", "--split-index")
		r.write("notes.txt", "changed\n")
		r.write("zz/new", "new\n")
		r.git("add", ".")
		r.git("rm", "-q", "--cached", "src/app.go")
	}},
	{name: "untracked cache", setUp: func(r repo) { r.git("update-index", "--force-untracked-cache"); r.git("status") }},
	{name: "packed refs", setUp: func(r repo) { r.git("pack-refs", "--all"); r.git("branch", "-f", "topic", "HEAD~2") }},
	{name: "sparse index", setUp: func(r repo) { r.git("sparse-checkout", "set", "--cone", "--sparse-index", "zz") }},
	{name: "SHA-256", init: []string{"--object-format=sha256"}, setUp: func(repo) {}},
}

// G7, G12: what the facts say of refs and index is what git says, in each format.
// It fails if the shared index is not read (joinShared), or the length of ids
// not told from the configuration (hashSizeOf).
func TestFactsAgreeWithGit(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			r := newHistory(t, v.init...)
			v.setUp(r)
			requireAgreement(t, r)
		})
	}
}

// requireAgreement compares refs and index entries with what git says.
func requireAgreement(t *testing.T, r repo) {
	t.Helper()
	want := map[string]string{}
	for line := range strings.Lines(r.git("for-each-ref", "--format=%(refname) %(objectname)")) {
		name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		want[name] = id
	}
	for entry := range strings.SplitSeq(strings.TrimSuffix(r.git("ls-files", "--sparse", "-s", "-z"), "\x00"), "\x00") {
		meta, path, _ := strings.Cut(entry, "\t")
		fields := strings.Fields(meta)
		want["index "+path] = fmt.Sprintf("entry mode=%s id=%s", fields[0], fields[1])
	}
	have := map[string]string{}
	for name, value := range r.facts() {
		if strings.HasPrefix(name, "index ") || strings.HasPrefix(name, "refs/") {
			have[name], _, _ = strings.Cut(value, " flags=")
		}
	}
	require.Equal(t, want, have)
}

func TestOneChangeOneFact(t *testing.T) {
	cases := []struct {
		name   string
		change func(r repo)
		want   []string
	}{
		{"refresh of the index", func(r repo) { r.git("status"); r.git("update-index", "-q", "--really-refresh") }, nil},
		{"repack", func(r repo) { r.git("pack-refs", "--all"); r.git("repack", "-adq") }, nil},
		{"branch", func(r repo) { r.git("update-ref", "--no-deref", "refs/heads/topic", "HEAD") }, []string{"reflog refs/heads/topic", "refs/heads/topic"}},
		{"tag", func(r repo) { r.git("tag", "v1") }, []string{"refs/tags/v1"}},
		{"detached HEAD", func(r repo) { r.git("update-ref", "--no-deref", "HEAD", "HEAD") }, []string{"HEAD"}},
		{"staged content", func(r repo) { r.write("notes.txt", "x"); r.git("add", ".") }, []string{"index notes.txt"}},
		{"staged mode", func(r repo) { r.git("update-index", "--chmod=+x", "notes.txt") }, []string{"index notes.txt"}},
		{"assume-unchanged", func(r repo) { r.git("update-index", "--assume-unchanged", "notes.txt") }, []string{"index notes.txt"}},
		{"skip-worktree", func(r repo) { r.git("update-index", "--skip-worktree", "notes.txt") }, []string{"index notes.txt"}},
		{"intent to add", func(r repo) { r.write("new", "x"); r.git("add", "-N", "new") }, []string{"index new"}},
		{"configuration", func(r repo) { r.git("config", "user.name", "Bea") }, []string{"config user.name"}},
		{"stash message", func(r repo) { r.write("notes.txt", "x"); r.git("stash", "push", "-q", "-m", "half done") },
			[]string{"reflog refs/stash", "refs/stash", "stash@{0}"}},
		{"merge head", func(r repo) { r.write(".git/MERGE_HEAD", r.git("rev-parse", "topic")+"\n") }, []string{"operation", "state MERGE_HEAD"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newHistory(t)
			before := r.facts()
			c.change(r)
			have := changed(before, r.facts())
			require.ElementsMatch(t, c.want, drop(have, "reflog HEAD", "state ORIG_HEAD"))
		})
	}
}

func drop(names []string, unwanted ...string) []string {
	var rest []string
	for _, name := range names {
		if !strings.Contains("\n"+strings.Join(unwanted, "\n")+"\n", "\n"+name+"\n") {
			rest = append(rest, name)
		}
	}
	return rest
}

func TestValuesOfConfigurationAreNotShown(t *testing.T) {
	r := newHistory(t)
	r.git("config", "remote.origin.url", "https://ada:hunter2@example.org/x.git")
	for name, value := range r.facts() {
		require.NotContains(t, name+value, "hunter2")
	}
}

func TestOperations(t *testing.T) {
	r := newHistory(t)
	head, topic := r.git("rev-parse", "main"), r.git("rev-parse", "topic")
	r.git("checkout", "-q", "topic")
	r.write("notes.txt", "conflict\n")
	r.git("commit", "-qam", "conflicting")
	mine := r.git("rev-parse", "HEAD")

	_, err := r.try("merge", "-q", "main")
	require.Error(t, err)
	require.Equal(t, "merge of "+head, r.facts()["operation"])
	require.Contains(t, r.facts()["index notes.txt"], "unmerged base=100644,")
	r.git("merge", "--abort")

	_, err = r.try("rebase", "main")
	require.Error(t, err)
	require.Equal(t, "rebase 1/1 onto "+head+" of topic stopped at "+mine, r.facts()["operation"])
	r.git("rebase", "--abort")

	_, err = r.try("cherry-pick", head)
	require.Error(t, err)
	require.Equal(t, "cherry-pick of "+head, r.facts()["operation"])
	r.git("cherry-pick", "--abort")

	r.git("bisect", "start", head, topic)
	require.Contains(t, r.facts()["operation"], "bisect from topic")
	r.git("bisect", "reset")
	require.NotContains(t, r.facts(), "operation")
}

// G10: where there is no commit yet, nobody may ask for one. It fails if anything
// in a capture asks git for HEAD.
func TestUnbornBranch(t *testing.T) {
	r := newRepo(t)
	b := newBench(t, r.root)
	part, facts := b.capture()
	require.Equal(t, "ref: refs/heads/main", facts["HEAD"])
	require.NoError(t, os.RemoveAll(filepath.Join(r.root, ".git")))
	b.restore(part, facts)
}

func TestLinkedWorktreesAndSubmodulesHaveTheirOwnFacts(t *testing.T) {
	r := newHistory(t)
	library := newHistory(t)
	r.git("worktree", "add", "-q", "fix", "topic")
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.root, "libs/notes")
	facts := r.facts()
	require.Equal(t, "ref: refs/heads/topic", facts["worktrees/fix: HEAD"])
	require.Equal(t, "ref: refs/heads/main", facts["modules/libs/notes: HEAD"])
	require.Contains(t, facts, "modules/libs/notes: index notes.txt")
}

func TestReadingStateChangesNothing(t *testing.T) {
	r := newHistory(t)
	before := r.git("hash-object", "--no-filters", ".git/index")
	r.write("notes.txt", "touched\n")
	r.facts()
	require.Equal(t, before, r.git("hash-object", "--no-filters", ".git/index"))
}
