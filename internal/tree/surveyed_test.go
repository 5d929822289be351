package tree_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/testbed"
	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// What a survey saw serves the trees in the workspace, in the same look
// (surveyed): each is what a walk of its own sees, and what came after the
// survey is seen in the next look.
func TestASurveyServesTheTreesInIt(t *testing.T) {
	testbed.Require(t, "root")
	root, elsewhere := t.TempDir(), t.TempDir()
	kindtest.PlantTree(t, filepath.Join(root, "planted"))
	for _, name := range []string{"repo", "repo/nested", "a"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, name), 0o755))
		require.NoError(t, exec.Command("git", "-C", filepath.Join(root, name), "init", "-q").Run())
		writeFile(t, filepath.Join(root, name, "file"), name)
	}
	writeFile(t, filepath.Join(root, "repo/.git/index.lock"), "")
	writeFile(t, filepath.Join(root, "repo/.dogear-0123456789abcdef"), "left behind")
	writeFile(t, filepath.Join(root, "a.b"), "between a and what is in it")
	writeFile(t, filepath.Join(elsewhere, "mine"), "")
	require.NoError(t, os.Mkdir(filepath.Join(root, "mounted"), 0o755))
	require.NoError(t, unix.Mount(elsewhere, filepath.Join(root, "mounted"), "", unix.MS_BIND, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(filepath.Join(root, "mounted"), unix.MNT_DETACH)) })

	trees := map[string]tree.Options{
		"":            {Nested: []string{"repo", "a"}},
		"repo":        {Nested: []string{"nested"}, Skip: []kind.Pattern{".git/*.lock"}},
		"repo/nested": {},
		"a":           {Skip: []kind.Pattern{".git"}},
		"planted":     {},
		"mounted":     {}, // one of its own
	}
	facts := func(name string, opts tree.Options) []kind.Fact {
		return kindtest.Collect(t, tree.Facts(tree.New(filepath.Join(root, name)).Entries(t.Context(), opts), "", nil))
	}
	surveyed := func() *kind.Shared {
		look := (&kind.Workspace{Root: root}).Look()
		_, err := tree.Survey(t.Context(), look)
		require.NoError(t, err)
		return look.Shared
	}
	shared := surveyed()
	for name, opts := range trees {
		want := facts(name, opts)
		opts.Shared = shared
		require.Equal(t, want, facts(name, opts), name)
	}
	shared = surveyed()
	for name, opts := range trees {
		writeFile(t, filepath.Join(root, name, "late"), "after the survey")
		opts.Shared = shared
		for _, f := range facts(name, opts) {
			require.NotEqual(t, "late", f.Name, name)
		}
	}
	for _, err := range tree.New(filepath.Join(root, "nowhere")).Entries(t.Context(), tree.Options{Shared: shared}) {
		require.ErrorIs(t, err, kind.ErrGone)
	}
}
