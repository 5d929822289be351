package git

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// pruning prunes linked worktrees whenever a restore reads something, as
// somebody's alias or editor may do.
type pruning struct {
	*memory
	repo repo
	mu   sync.Mutex
	ran  int
}

func (p *pruning) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	p.mu.Lock()
	if _, err := p.repo.try("worktree", "prune", "--expire=now"); err == nil {
		p.ran++
	}
	p.mu.Unlock()
	return p.memory.Get(ctx, id, buf)
}

// withWorktrees is a repository with two linked worktrees, of which one is
// locked by its user.
func withWorktrees(t *testing.T) *desk {
	r := newHistory(t)
	r.git("worktree", "add", "-q", "fix", "topic")
	r.git("worktree", "add", "-q", "--detach", "trees/look", "HEAD~1")
	r.git("worktree", "lock", "--reason", "mine", "trees/look")
	r.write("fix/notes.txt", "staged\n")
	repo{t: t, root: filepath.Join(r.root, "fix")}.git("add", "notes.txt")
	return newDesk(r, []string{"fix", "trees/look"})
}

// G13: a linked worktree that is away in the middle of a restore, or half there,
// is not pruned by git commands of others, and its user's own lock, or that
// there is none, is as captured afterwards. It fails without the guards
// (target.guard), and for look without its own one first (putGuard).
func TestWorktreesAreNotPrunedDuringARestore(t *testing.T) {
	wrecks := map[string]string{
		"files gone": "rm -rf fix trees",
		"removed":    "git worktree remove --force fix; git worktree unlock trees/look; git worktree remove --force trees/look",
		"moved on":   "rm -rf fix trees/look/.git; git worktree unlock trees/look; git worktree lock --reason since fix; git worktree add -q new topic -f",
	}
	for name, wreck := range wrecks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := withWorktrees(t)
			d.capture()
			bytes, said := d.bytes(true), d.say(full)
			_, err := d.repo.run("sh", "-c", wreck)
			require.NoError(t, err)
			source := &pruning{memory: d.memory, repo: d.repo}
			require.NoError(t, d.driver.Restore(t.Context(), d.ws, d.parts[0], source))
			require.Greater(t, source.ran, 10, "prunes during the restore")
			require.Equal(t, bytes, d.bytes(true))
			d.start()
			require.Equal(t, said, d.say(full))
		})
	}
}

// G13: the guards of a killed restore go with the next one, also if that has
// nothing else to do. It fails if they are not looked for (ownGuards), and if
// they are taken for those of the user (locks.guard).
func TestGuardsOfAKilledRestoreAreRemoved(t *testing.T) {
	d := withWorktrees(t)
	d.capture()
	bytes := d.bytes(true)
	guard := filepath.Join(d.repo.root, ".git", "worktrees", "fix", guardName)
	kill := func() { require.NoError(t, createLock(guard)) }

	kill()
	d.restore()
	require.Equal(t, bytes, d.bytes(true))
	kill()
	d.repo.write("fix/notes.txt", "changed\n")
	d.restore()
	require.Equal(t, bytes, d.bytes(true))

	d.parts[0].Inside = []string{"fix/notes.txt"}
	kill()
	require.NoError(t, d.driver.Restore(t.Context(), d.ws, d.parts[0], d.memory))
	require.NoFileExists(t, guard, "of a restore of one file")
	kill()
	d.repo.write("fix/notes.txt", "changed\n")
	require.NoError(t, d.driver.Restore(t.Context(), d.ws, d.parts[0], d.memory))
	require.NoFileExists(t, guard)

	require.NoError(t, os.WriteFile(guard, []byte("by its user, since\n"), 0o644))
	d.repo.write("fix/notes.txt", "changed\n")
	require.NoError(t, d.driver.Restore(t.Context(), d.ws, d.parts[0], d.memory))
	require.FileExists(t, guard, "a lock that is not restored")
}
