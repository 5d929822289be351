package git

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// resume does what the engine does to come back to a part.
func (b *bench) resume(part kind.Part) []kind.Kept {
	b.t.Helper()
	ctx := b.t.Context()
	k, err := b.driver.Keep(ctx, b.ws, part, b.memory, "INC-42")
	require.NoError(b.t, err)
	require.NoError(b.t, b.driver.Restore(ctx, b.ws, part, b.memory))
	var kept []kind.Kept
	if k != nil {
		defer func() { require.NoError(b.t, k.Close()) }()
		kept, err = k.PutBack(ctx)
		require.NoError(b.t, err)
	}
	require.NoError(b.t, b.driver.Start(ctx, b.ws, part, b.memory))
	return kept
}

func what(kept []kind.Kept) []string {
	var lines []string
	for _, k := range kept {
		lines = append(lines, k.What)
	}
	return lines
}

func (r repo) commit(name, content string) string {
	r.t.Helper()
	r.write(name, content)
	r.git("add", ".")
	r.git("commit", "-q", "-m", "change "+name)
	return r.git("rev-parse", "HEAD")
}

// G38: branches, tags and commits without a branch stay. It fails if commits of
// a detached HEAD are not looked for (detached), or if a branch that is checked
// out in the snapshot is moved (isCheckedOut).
func TestResumeKeepsWhatTheIncidentProduced(t *testing.T) {
	r := newHistory(t)
	b := newBench(t, r.root)
	part, facts := b.capture()

	onMain := r.commit("notes.txt", "on main\n")
	r.git("checkout", "-q", "-b", "hotfix/INC-42")
	r.commit("fix.go", "one\n")
	fixed := r.commit("fix.go", "two\n")
	r.git("tag", "-a", "-m", "the fix", "v1.1")
	tag := r.git("rev-parse", "v1.1")
	r.git("checkout", "-q", "topic")
	topic := r.commit("topic.go", "more\n")
	r.git("checkout", "-q", "--detach")
	detached := r.commit("try.go", "try\n")
	r.git("gc", "-q", "--prune=now")

	kept := b.resume(part)
	require.Equal(t, []string{
		"dogear/INC-42/detached, 1 commit without a branch",
		"dogear/INC-42/main, 1 commit of main",
		"hotfix/INC-42, 3 commits",
		"topic, 1 commit",
		"v1.1, 3 commits",
	}, what(kept))

	after := b.inspect()
	require.Equal(t, facts["refs/heads/main"], after["refs/heads/main"])
	require.Equal(t, onMain, after["refs/heads/dogear/INC-42/main"])
	require.Equal(t, detached, after["refs/heads/dogear/INC-42/detached"])
	require.Equal(t, fixed, after["refs/heads/hotfix/INC-42"])
	require.Equal(t, topic, after["refs/heads/topic"])
	require.Equal(t, tag, after["refs/tags/v1.1"])
	r.git("fsck", "--strict", "--connectivity-only")
	require.Empty(t, r.git("status", "--porcelain"))

	excused := map[string]bool{}
	for _, k := range kept {
		for _, name := range k.Facts {
			excused[name] = true
		}
	}
	for _, name := range changed(facts, after) {
		require.True(t, excused[name], name)
	}
	again := b.resume(part)
	require.Equal(t, "dogear/INC-42/main, 1 commit", again[1].What)
}

func TestResumeKeepsNothingThatIsThereAlready(t *testing.T) {
	r := newHistory(t)
	b := newBench(t, r.root)
	part, facts := b.capture()
	r.git("checkout", "-q", "-B", "main", "HEAD~2") // moved back
	r.git("branch", "-D", "topic")
	require.Empty(t, b.resume(part))
	require.Equal(t, facts, b.inspect())
}

// In the middle of a rebase HEAD is on no branch, and its commits are not new.
func TestResumeToADetachedHead(t *testing.T) {
	r := newHistory(t)
	r.git("checkout", "-q", "--detach")
	r.commit("half.go", "half way\n")
	b := newBench(t, r.root)
	part, _ := b.capture()
	require.Empty(t, b.resume(part))
}

func TestResumeSetsAsideWhatCannotStay(t *testing.T) {
	r := newHistory(t)
	r.git("branch", "fix/one", "HEAD~2")
	b := newBench(t, r.root)
	part, facts := b.capture()

	r.git("branch", "-D", "fix/one")
	r.git("checkout", "-q", "-b", "fix") // where fix/one was a directory
	r.commit("fix.go", "one\n")
	r.git("checkout", "-q", "-B", "topic", "HEAD~3") // rewritten
	r.commit("topic.go", "other\n")

	require.Equal(t, []string{
		"dogear/INC-42/fix, 1 commit of fix",
		"dogear/INC-42/topic, 1 commit of topic",
	}, what(b.resume(part)))
	after := b.inspect()
	require.Equal(t, facts["refs/heads/topic"], after["refs/heads/topic"])
	require.Equal(t, facts["refs/heads/fix/one"], after["refs/heads/fix/one"])
}

func TestResumeToUnbornBranch(t *testing.T) {
	r := newRepo(t)
	b := newBench(t, r.root)
	part, _ := b.capture()
	r.commit("first", "x")
	require.Equal(t, []string{"dogear/INC-42/main, 1 commit of main"}, what(b.resume(part)))
	require.NotContains(t, b.inspect(), "refs/heads/main")
}

func TestNamesFitForRefs(t *testing.T) {
	for label, want := range map[string]string{
		"INC-42": "INC-42", "what a day": "what-a-day", "a..b~^:": "a.b", "": "kept", "x.lock": "x", "../../etc": "etc", "@{1}": "1",
	} {
		require.Equal(t, want, strings.TrimSpace(refComponent(label)), label)
	}
}
