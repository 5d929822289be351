package git

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// TestRootLeavesNothingBehindInAUsersRepository (G28): what Dogear runs and
// writes there as root belongs to the repository's owner. It fails if git runs
// as root (program.owner).
func TestRootLeavesNothingBehindInAUsersRepository(t *testing.T) {
	testbed.Require(t, "root")
	const nobody = 65534
	r := newHistory(t)
	r.git("config", "core.fsmonitor", "touch "+filepath.Join(r.root, "fsmonitor-ran"))
	r.git("config", "filter.evil.clean", "touch "+filepath.Join(r.root, "filter-ran"))
	r.write(".gitattributes", "* filter=evil\n")
	r.write(".git/hooks/reference-transaction", "#!/bin/sh\ntouch "+filepath.Join(r.root, "hook-ran")+"\n")
	require.NoError(t, os.Chmod(filepath.Join(r.root, ".git/hooks/reference-transaction"), 0o755))
	chownAll(t, r.root, nobody)
	for dir := filepath.Dir(r.root); dir != os.TempDir(); dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}

	b := newBench(t, r.root)
	part, facts := b.capture()
	user, err := newProgram(t.Context(), r.root)
	require.NoError(t, err)
	commit, err := user.run(t.Context(), "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit-tree", "-p", "HEAD", "-m", "fix", "HEAD^{tree}")
	require.NoError(t, err)
	_, err = user.run(t.Context(), "update-ref", "refs/heads/hotfix", string(commit[:len(commit)-1]))
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(r.root, "notes.txt")))

	kept := b.resume(part)
	require.Equal(t, []string{"hotfix, 1 commit"}, what(kept))
	require.ElementsMatch(t, kept[0].Facts, changed(facts, b.inspect()))
	require.NoError(t, filepath.WalkDir(r.root, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		require.EqualValues(t, nobody, info.Sys().(*syscall.Stat_t).Uid, path)
		require.NotContains(t, path, "-ran")
		return nil
	}))
}

func chownAll(t *testing.T, root string, uid int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		require.NoError(t, err)
		return os.Lchown(path, uid, uid)
	}))
}
