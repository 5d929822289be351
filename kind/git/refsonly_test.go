package git

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// TestRefsOnly: branches, tags, stashes and their logs come back as one tree,
// and HEAD, index, files and an operation in progress stay. Objects only come:
// what is staged now needs one that the part does not have.
func TestRefsOnly(t *testing.T) {
	r := newHistory(t)
	r.git("tag", "v1", "main~1")
	r.write("notes.txt", "stashed\n")
	r.git("stash", "push", "-q", "-m", "half done")
	r.git("branch", "x")
	b := newBench(t, r.root)
	part, facts := b.capture()

	r.git("branch", "-D", "topic", "x")
	r.git("branch", "x/y", "main") // where x was
	r.git("tag", "-d", "v1")
	r.git("stash", "clear")
	r.git("pack-refs", "--all")
	r.git("reflog", "expire", "--expire=now", "--all")
	r.git("gc", "-q", "--prune=now")
	r.write("src/app.go", "package app // staged now\n")
	r.git("add", ".")
	r.write("new.txt", "untracked now\n")
	status, staged := r.git("status", "--porcelain"), r.git("ls-files", "-s")

	b.ws.Options = map[string]string{"git.refs-only": "true"}
	change, err := b.driver.Preview(t.Context(), b.ws, part, b.memory)
	require.NoError(t, err)
	require.Empty(t, change.Conflicts)
	require.NoError(t, b.driver.Restore(t.Context(), b.ws, part, b.memory))
	require.NoError(t, b.driver.Start(t.Context(), b.ws, part, b.memory))
	require.Equal(t, status, r.git("status", "--porcelain"))
	require.Equal(t, staged, r.git("ls-files", "-s"))
	left, err := b.driver.Narrow(t.Context(), b.ws, part, b.memory)
	require.NoError(t, err)
	after := b.inspect()
	for _, name := range changed(facts, after) {
		require.True(t, left.Leaves(name), name)
	}
	require.Equal(t, facts["stash@{0}"], after["stash@{0}"])
	require.Equal(t, facts["refs/heads/x"], after["refs/heads/x"])
	require.NotContains(t, after, "refs/heads/x/y")
	r.git("fsck", "--connectivity-only")
	change, err = b.driver.Preview(t.Context(), b.ws, part, b.memory)
	require.NoError(t, err)
	require.Equal(t, kind.ActionNone, change.Action, change.Details)
}

// TestRefsOnlyNeedsABranchForHead: HEAD stays, so its branch has to.
func TestRefsOnlyNeedsABranchForHead(t *testing.T) {
	r := newHistory(t)
	b := newBench(t, r.root)
	part, _ := b.capture()
	r.git("checkout", "-q", "-b", "later")
	b.ws.Options = map[string]string{"git.refs-only": "true"}
	change, err := b.driver.Preview(t.Context(), b.ws, part, b.memory)
	require.NoError(t, err)
	require.Len(t, change.Conflicts, 1)
	require.Contains(t, change.Conflicts[0], "later is checked out")
}
