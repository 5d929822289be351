package git

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hold starts a process that has a file open until the returned function is
// called.
func hold(t *testing.T, path string) (pid int, release func()) {
	t.Helper()
	cmd := exec.Command("sh", "-c", `exec 3>"$0"; echo ready; read line; rm "$0"`, path)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	return cmd.Process.Pid, func() {
		require.NoError(t, stdin.Close())
		_ = cmd.Wait() // read ends with 1 at the end of its input
	}
}

// G35: whoever holds a lock is named, in a capture, a plan and a restore, and
// nothing is touched. It fails if processes are not looked through (holder), or
// if a restore takes no locks (takeLocks).
func TestRunningGitIsNamed(t *testing.T) {
	r := newHistory(t)
	b := newBench(t, r.root)
	b.driver.patience = time.Millisecond
	part, _ := b.capture()
	r.write("notes.txt", "changed\n")
	lock := filepath.Join(r.root, ".git", "index.lock")
	pid, release := hold(t, lock)
	who := fmt.Sprintf("sh (pid %d) holds %s", pid, lock)

	_, err := b.driver.Open(t.Context(), b.ws, b.item, b.memory)
	require.ErrorContains(t, err, who)
	change, err := b.driver.Preview(t.Context(), b.ws, part, b.memory)
	require.NoError(t, err)
	require.Len(t, change.Conflicts, 1)
	require.Contains(t, change.Conflicts[0], who)
	require.ErrorContains(t, b.driver.Restore(t.Context(), b.ws, part, b.memory), who)
	require.FileExists(t, lock)
	content, err := os.ReadFile(filepath.Join(r.root, "notes.txt"))
	require.NoError(t, err)
	require.Equal(t, "changed\n", string(content))

	release()
	require.NoError(t, b.driver.Restore(t.Context(), b.ws, part, b.memory))
}

// G35: a lock that no process holds is captured around and named, and stays: it
// is not ours. It fails if any lock is taken for ours (isOurs).
func TestLockThatNobodyHolds(t *testing.T) {
	r := newHistory(t)
	b := newBench(t, r.root)
	b.driver.patience = time.Millisecond
	r.write(".git/index.lock", "left by a killed git")

	part, facts := b.capture()
	require.Len(t, part.Gaps, 1)
	require.Equal(t, ".git/index.lock", part.Gaps[0].What)
	r.write("notes.txt", "changed\n")
	require.ErrorContains(t, b.driver.Restore(t.Context(), b.ws, part, b.memory), "remove the file")
	require.FileExists(t, filepath.Join(r.root, ".git", "index.lock"))

	require.NoError(t, os.Remove(filepath.Join(r.root, ".git", "index.lock")))
	b.restore(part, facts)
	require.NoFileExists(t, filepath.Join(r.root, ".git", "index.lock"))
}

// G35: the locks of a killed restore are known by what is in them. It fails if
// they are not (isOurs).
func TestLocksOfAKilledRestoreAreTakenOver(t *testing.T) {
	r := newHistory(t)
	b := newBench(t, r.root)
	b.driver.patience = time.Millisecond
	part, facts := b.capture()
	r.write("notes.txt", "changed\n")
	r.write(".git/HEAD.lock", lockMark)
	b.restore(part, facts)
	locks, err := filepath.Glob(filepath.Join(r.root, ".git", "*.lock"))
	require.NoError(t, err)
	require.Empty(t, locks)
}

func TestLocksOfARestoreThatChangedNothingAreRemoved(t *testing.T) {
	r := newHistory(t)
	b := newBench(t, r.root)
	part, facts := b.capture()
	_, err := takeLocks(t.Context(), r.root, []string{".git"}, time.Millisecond) // and killed
	require.NoError(t, err)
	b.restore(part, facts)
	r.git("add", ".")
	r.git("checkout", "-q", "topic")
}

// TestLockIsNeverThereWithoutItsMark: a restore may be killed at any moment, and
// its lock has to be known for what it is.
func TestLockIsNeverThereWithoutItsMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.lock")
	done := make(chan error, 1)
	go func() {
		for range 2000 {
			if err := errors.Join(createLock(path), os.Remove(path)); err != nil {
				done <- err
				return
			}
		}
		close(done)
	}()
	for {
		select {
		case err := <-done:
			require.NoError(t, err)
			return
		default:
			if content, err := os.ReadFile(path); err == nil {
				require.Equal(t, lockMark, string(content))
			}
		}
	}
}

// G11, G35: during a restore git commands of others fail instead of meeting half
// of it. Each of the three locks stops one that no other stops (lockNames).
func TestGitFailsDuringARestore(t *testing.T) {
	r := newHistory(t)
	held, err := takeLocks(t.Context(), r.root, []string{".git"}, time.Millisecond)
	require.NoError(t, err)
	_, err = r.try("add", ".")
	require.ErrorContains(t, err, "index.lock")
	_, err = r.try("symbolic-ref", "HEAD", "refs/heads/topic")
	require.ErrorContains(t, err, "HEAD")
	_, err = r.try("pack-refs", "--all")
	require.ErrorContains(t, err, "packed-refs.lock")
	_, err = r.try("checkout", "topic")
	require.Error(t, err)
	before, err := os.Stat(filepath.Join(r.root, ".git"))
	require.NoError(t, err)
	require.NoError(t, held.release())
	after, err := os.Stat(filepath.Join(r.root, ".git"))
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime())
	r.git("add", ".")
}
