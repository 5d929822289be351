package git

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// newTables is a repository whose refs are in tables.
func newTables(t *testing.T, args ...string) repo {
	t.Helper()
	r := repo{t: t, root: filepath.Join(t.TempDir(), "work")}
	require.NoError(t, os.MkdirAll(r.root, 0o755))
	r.newer = newerGit(t, r)
	r.git(append([]string{"init", "-q", "-b", "main", "--ref-format=reftable"}, args...)...)
	r.fillHistory()
	return r
}

// requireTables compares the refs that this package reads with those that git
// lists.
func (r repo) requireTables(gitDir string) map[string]string {
	r.t.Helper()
	want := map[string]string{}
	for line := range strings.Lines(r.git("for-each-ref", "--include-root-refs", "--format=%(refname) %(objectname) %(symref)")) {
		fields := strings.Fields(line)
		want[fields[0]] = fields[1]
		if len(fields) > 2 {
			want[fields[0]] = "ref: " + fields[2]
		}
	}
	s, got := repo{t: r.t, root: strings.TrimSuffix(r.root, "/fix")}.state(), map[string]string{}
	for _, dir := range []string{s.common(gitDir), gitDir} {
		for name, value := range s.tableRefs(dir) {
			if dir == gitDir || strings.HasPrefix(name, "refs/") && !hasAnyPrefix(name, ofWorktree[:3]) {
				got[name] = value
			}
		}
	}
	require.Equal(r.t, want, got)
	return got
}

// G12: refs in tables are facts as others are, whatever git has done to the
// tables: updates and deletions in newer ones, symbolic refs, tags with what
// they point to, several blocks, all of them packed into one. It fails if an
// older table goes before a newer one, or deletions are not applied (tableRefs),
// and if blocks are not looked for where they are aligned (table.block).
func TestRefsInTables(t *testing.T) {
	for name, args := range map[string][]string{"SHA-1": nil, "SHA-256": {"--object-format=sha256"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTables(t, args...)
			r.git("config", "reftable.blockSize", "512")
			r.requireTables(".git")
			_, err := r.run("sh", "-c", `set -e; head=$(git rev-parse HEAD)
				for i in $(seq 400); do echo "create refs/heads/many/$i-$i $head"; done | git update-ref --stdin
				git tag -a -m t v1; git symbolic-ref refs/heads/alias refs/heads/main; git update-ref ORIG_HEAD HEAD~1`)
			require.NoError(t, err)
			before := r.requireTables(".git")
			require.Greater(t, len(before), 400)
			r.git("branch", "-f", "topic", "main")
			r.git("branch", "-q", "-D", "many/7-7", "many/300-300")
			after := r.requireTables(".git")
			require.NotEqual(t, before["refs/heads/topic"], after["refs/heads/topic"])
			require.NotContains(t, after, "refs/heads/many/7-7")
			r.git("pack-refs", "--all")
			require.Equal(t, after, r.requireTables(".git"))

			facts := r.facts()
			require.Equal(t, "ref: refs/heads/main", facts["HEAD"])
			require.Equal(t, after["ORIG_HEAD"], facts["state ORIG_HEAD"])
			require.Equal(t, after["refs/tags/v1"], facts["refs/tags/v1"])
			require.Equal(t, fmt.Sprintf("on main at %.10s", after["refs/heads/main"]), r.state().where(".git"))

			r.git("worktree", "add", "-q", "--detach", "fix", "topic~1")
			fix := repo{t: t, root: filepath.Join(r.root, "fix"), newer: r.newer}
			fix.git("update-ref", "refs/worktree/mine", "HEAD")
			fix.requireTables(".git/worktrees/fix")
			require.Equal(t, fix.git("rev-parse", "HEAD"), r.facts()["worktrees/fix: HEAD"])
			r.requireTables(".git")
		})
	}
}

// Tables that are damaged, or that a newer git has written, are bytes. It fails
// without the checks of openTable, and if what could be read of a stack is taken
// for all of it (tableRefs).
func TestDamagedTablesAreBytes(t *testing.T) {
	r := newTables(t)
	tables, err := filepath.Glob(filepath.Join(r.root, ".git", "reftable", "*.ref"))
	require.NoError(t, err)
	last := tables[len(tables)-1]
	content, err := os.ReadFile(last)
	require.NoError(t, err)
	checksum := append(slices.Clone(content[:len(content)-1]), ^content[len(content)-1])
	for _, damaged := range [][]byte{nil, content[:len(content)-1], append([]byte("REFT\x03"), content[5:]...), checksum} {
		require.NoError(t, os.Remove(last))
		require.NoError(t, os.WriteFile(last, damaged, 0o644))
		require.Contains(t, r.state().where(".git"), "only git can tell")
		require.NotContains(t, r.facts(), "refs/heads/main")
	}
}

// An operation of which only a ref tells is told from a table as well.
func TestOperationInTables(t *testing.T) {
	r := newTables(t)
	_, err := r.run("sh", "-c", prelude+onTopic+"stops git cherry-pick main")
	require.NoError(t, err)
	require.Equal(t, "cherry-pick of "+r.git("rev-parse", "main"), r.facts()["operation"])
}

// TestRefsOnlyOfTablesIsRefused: HEAD is in the tables, and would move under
// files that stay. It fails without the look at them in withoutHead.
func TestRefsOnlyOfTablesIsRefused(t *testing.T) {
	r := newTables(t)
	b := newBench(t, r.root)
	part, _ := b.capture()
	r.git("branch", "-f", "topic", "main")
	b.ws.Options = map[string]string{"git." + refsOnly: "true"}
	change, err := b.driver.Preview(t.Context(), b.ws, part, b.memory)
	require.NoError(t, err)
	require.Len(t, change.Conflicts, 1)
	require.Contains(t, change.Conflicts[0], "reftable")
}
