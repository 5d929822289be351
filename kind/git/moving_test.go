package git

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// busy is what a user's scripts may do to a repository all day long.
const busy = `n=0
while [ ! -e ../stop ]; do
	n=$((n+1))
	echo $n >notes.txt; git add notes.txt; echo staged $n >staged; git add staged; git commit -q -m $n notes.txt
	git branch b$n; git tag t$n; git stash push -q -m $n
	git repack -q -a -d
	git pack-refs --all --prune
	if [ $((n % 3)) = 0 ]; then
		git branch -q -D b$n; git tag -d t$n >/dev/null; git stash clear
		git reflog expire --expire=now --all; git gc -q --prune=now
	fi
done`

// G33, G34: captures while another process commits, repacks and collects
// garbage without a pause. Each has to hold together. The techniques are that
// state files are fixed before objects (takeMoving in that order), and all as
// they were at one moment (fixUntilSame). That objects which were seen once stay
// in the capture, though git has put them elsewhere, is tested by the tree
// engine's TestFixedStaysAsItWas.
func TestCaptureWhileGitWorks(t *testing.T) {
	t.Parallel()
	r := newHistory(t)
	b := newBench(t, r.root)
	work := exec.Command("sh", "-c", busy)
	work.Dir = r.root
	work.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@example.org",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@example.org")
	require.NoError(t, work.Start())
	defer func() {
		require.NoError(t, os.WriteFile(filepath.Join(r.root, "..", "stop"), nil, 0o644))
		require.NoError(t, work.Wait())
	}()
	heads := map[string]bool{}
	for range 40 {
		part, facts := b.capture()
		heads[facts["refs/heads/main"]] = true
		requireWhole(t, b, part, facts)
	}
	require.Greater(t, len(heads), 3, "captures of different commits")
}

// requireWhole restores a part elsewhere and has git check it.
func requireWhole(t *testing.T, b *bench, part kind.Part, facts map[string]string) {
	t.Helper()
	part.Root = filepath.Join(t.TempDir(), "copy")
	ws := workspaceOf(part.Root)
	require.NoError(t, New().Restore(t.Context(), ws, part, b.memory))
	require.Equal(t, facts, collect(t, New().Inspect(t.Context(), ws, part.Item())))
	copied := repo{t: t, root: part.Root}
	copied.git("fsck", "--strict")
	copied.git("status")
	copied.git("log", "-g", "--all")
	count, err := strconv.Atoi(copied.git("rev-list", "--count", "HEAD"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, count, 3)
}
