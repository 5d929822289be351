package git

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

func workspaceOf(root string) *kind.Workspace {
	return &kind.Workspace{Root: root, Redact: redact}
}

func find(t *testing.T, root string) []kind.Item {
	t.Helper()
	items, err := New().Find(t.Context(), workspaceOf(root), nil)
	require.NoError(t, err)
	return items
}

func names(items []kind.Item) []string {
	var all []string
	for _, item := range items {
		all = append(all, item.ID.String())
	}
	return all
}

func TestFindRepositories(t *testing.T) {
	r := newHistory(t)
	initRepo(t, filepath.Join(r.root, "vendor", "inner"))
	initRepo(t, filepath.Join(r.root, "vendor", "bare.git"), "--bare")
	r.git("worktree", "add", "-q", "fix", "topic")
	require.NoError(t, os.MkdirAll(filepath.Join(r.root, "fake", ".git"), 0o755))

	items := find(t, r.root)
	require.Equal(t, []string{"git/.", "git/vendor/inner"}, names(items))
	require.Equal(t, filepath.Join(r.root, "vendor", "inner"), items[1].Root)
	require.Equal(t, []kind.ID{items[1].ID}, items[0].Needs)
	claims := items[0].Claims[0]
	require.Equal(t, items[0].ID, claims.On)
	require.True(t, kind.MatchAny(claims.Paths, ".git/index"))
	require.True(t, kind.MatchAny(claims.Paths, ".git/worktrees/fix/logs/HEAD"))
	require.False(t, kind.MatchAny(claims.Paths, ".git/hooks/pre-commit"))
	require.False(t, kind.MatchAny(claims.Paths, "src/index"))
}

func TestFindWorktreeOfRepositoryOutside(t *testing.T) {
	r := newHistory(t)
	outside := filepath.Join(t.TempDir(), "fix")
	r.git("worktree", "add", "-q", outside, "topic")

	items := find(t, outside)
	require.Equal(t, []string{"git/."}, names(items))
	gaps, err := outsideGaps(t.Context(), outside, items[0], &state{})
	require.NoError(t, err)
	require.Len(t, gaps, 1)
	require.Contains(t, gaps[0].Why, "outside")
}

func TestFindNothing(t *testing.T) {
	require.Empty(t, find(t, t.TempDir()))
}

func TestOutsideGaps(t *testing.T) {
	library, r := newHistory(t), newHistory(t)
	r.write(".git/objects/info/alternates", filepath.Join(library.root, ".git", "objects")+"\n")
	r.git("config", "core.hooksPath", "/opt/hooks")
	r.git("config", "core.excludesFile", ".git/info/more")
	r.git("config", "include.path", "../../elsewhere")

	gaps, err := outsideGaps(t.Context(), r.root, find(t, r.root)[0], r.state())
	require.NoError(t, err)
	var what []string
	for _, gap := range gaps {
		what = append(what, gap.What)
	}
	require.Equal(t, []string{"alternates in .git", "core.hookspath in .git", "include.path in .git"}, what)
}
