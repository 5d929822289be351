package git

import (
	"os"
	"path/filepath"
	"strings"
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

// G3: repositories within repositories are items of their own. It fails if only
// the .git at the root of the workspace counts (findRoots).
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
	require.Equal(t, []string{"the objects that .git borrows, without which it is not whole", "core.hookspath in .git", "include.path in .git"}, what)
}

// G16: a repository may borrow objects from one that borrows them itself. The
// technique is that lenders follows alternates to their end.
func TestBorrowedObjectsOutsideAreNamed(t *testing.T) {
	r, far := newHistory(t), newHistory(t)
	near := initRepo(t, filepath.Join(r.root, "near \"quoted\".git"), "--bare")
	near.write("objects/info/alternates", filepath.Join(far.root, ".git", "objects")+"\n")
	r.write(".git/objects/info/alternates", `"`+strings.ReplaceAll(near.root, `"`, `\"`)+`/objects"`+"\n")
	r.git("--git-dir", near.root, "cat-file", "-e", far.git("rev-parse", "HEAD"))

	gaps, err := outsideGaps(t.Context(), r.root, find(t, r.root)[0], r.state())
	require.NoError(t, err)
	require.Equal(t, []kind.Gap{{
		Part: kind.ID{Kind: "git", Name: "."}, What: "the objects that .git borrows, without which it is not whole",
		Why: "it is outside the workspace: " + filepath.Join(far.root, ".git", "objects"),
	}}, gaps)
}

// G15: what a partial clone has not fetched is nobody's but its remote's. The
// technique is that such a remote is named as a gap (promisors).
func TestPartialCloneSaysWhatItLacks(t *testing.T) {
	origin, r := newHistory(t), newRepo(t)
	require.NoError(t, os.RemoveAll(filepath.Join(r.root, ".git")))
	origin.git("config", "uploadpack.allowFilter", "true")
	r.git("-c", "protocol.file.allow=always", "clone", "-q", "--filter=blob:none", "file://"+origin.root, ".")
	b := newBench(t, r.root)
	part, facts := b.capture()
	require.Equal(t, []kind.Gap{{
		Part: part.ID, What: "the objects that .git has not fetched", Why: "it is a partial clone: they are only in its remote origin",
	}}, part.Gaps)

	require.NoError(t, os.RemoveAll(origin.root)) // nothing is fetched by our hand
	require.NoError(t, os.RemoveAll(filepath.Join(r.root, ".git")))
	b.restore(part, facts)
	require.Empty(t, r.git("status", "--porcelain"))
}
