package git

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// TestRestoreOfNothingLeavesTheIndexAlone (G20): where every entry of the index
// fits its file, git is not run, so no lock comes and goes either. It fails
// without isFresh.
func TestRestoreOfNothingLeavesTheIndexAlone(t *testing.T) {
	r := newHistory(t)
	r.git("worktree", "add", "-q", "fix", "topic")
	r.git("status")
	b := newBench(t, r.root)
	part, facts := b.capture()
	before := stats(t, r.root)
	b.restore(part, facts)
	require.Equal(t, before, stats(t, r.root))
}

// TestRefreshedIndexKeepsItsTime (G19, G20): the index of files that were written
// anew fits them, and it and its directory have the times that were captured
// (refreshTimeless). A file as young as its index is not believed to be what the
// index says, by size and time alone, as little as before.
func TestRefreshedIndexKeepsItsTime(t *testing.T) {
	r := newHistory(t)
	r.git("config", "core.checkStat", "minimal") // nothing but size and seconds
	r.git("status")
	index := r.modified(".git/index")
	young := filepath.Join(r.root, "notes.txt")
	content, err := os.ReadFile(young)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(young, index, index))
	r.git("update-index", "-q", "--refresh")
	require.NoError(t, os.Chtimes(filepath.Join(r.root, ".git/index"), index, index))
	dir := r.modified(".git")
	b := newBench(t, r.root)
	part, facts := b.capture()

	require.NoError(t, os.RemoveAll(r.root))
	b.restore(part, facts)
	require.Equal(t, index, r.modified(".git/index"))
	require.Equal(t, dir, r.modified(".git"))
	_, err = r.try("diff-files", "--quiet")
	require.NoError(t, err, "the index fits the files")
	content[0] ^= 1
	require.NoError(t, os.WriteFile(young, content, 0o644))
	require.NoError(t, os.Chtimes(young, index, index))
	require.Equal(t, " M notes.txt", r.git("status", "--porcelain"))
}

// TestRestoreOfFilesKeepsTheTimeOfTheGitDirectory: nothing in the git directory
// differs but its time, as after an index.lock that came and went. Where files
// come back, so does that, whatever locks were held meanwhile (planner.finish).
func TestRestoreOfFilesKeepsTheTimeOfTheGitDirectory(t *testing.T) {
	r := newHistory(t)
	r.git("status")
	b := newBench(t, r.root)
	part, facts := b.capture()
	captured := r.modified(".git")

	r.write("notes.txt", "written since\n")
	require.NoError(t, os.Chtimes(filepath.Join(r.root, ".git"), time.Now(), time.Now()))
	b.restore(part, facts)
	require.Equal(t, captured, r.modified(".git"))
}

// TestLocksKeepTheTimeOfTheirDirectory: where the time of the git directory is
// not what is brought back, locks leave it as it was (quietly).
func TestLocksKeepTheTimeOfTheirDirectory(t *testing.T) {
	r := newHistory(t)
	before := r.modified(".git")
	held, err := takeLocks(t.Context(), r.root, []string{".git"}, time.Second)
	require.NoError(t, err)
	require.Equal(t, before, r.modified(".git"))
	require.NoError(t, held.release())
	require.Equal(t, before, r.modified(".git"))
}

func (r repo) modified(name string) time.Time {
	r.t.Helper()
	info, err := os.Lstat(filepath.Join(r.root, name))
	require.NoError(r.t, err)
	return info.ModTime()
}

// stats are inode and times of the git directory and its indexes.
func stats(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range []string{".git", ".git/index", ".git/worktrees/fix", ".git/worktrees/fix/index"} {
		info, err := os.Lstat(filepath.Join(root, name))
		require.NoError(t, err)
		all[name] = fmt.Sprint(info.Sys().(*syscall.Stat_t).Ino, info.ModTime())
	}
	return all
}

// TestStatusIsRightWhateverTheMonitorSays (G8): a file system monitor that was
// there all the time says that nothing has changed, and the captured index
// believes it. The refresh after a restore asks no monitor, and drops what the
// index remembers of it: the test fails without the refresh, and with one that
// may ask (core.fsmonitor in the armour).
func TestStatusIsRightWhateverTheMonitorSays(t *testing.T) {
	r := newHistory(t)
	liar := filepath.Join(t.TempDir(), "liar")
	require.NoError(t, os.WriteFile(liar, []byte("#!/bin/sh\nprintf 'token\\0'\n"), 0o755))
	r.git("config", "core.fsmonitor", liar)
	r.git("update-index", "--fsmonitor")
	r.git("status")
	r.write("notes.txt", "edited\n")
	require.Empty(t, r.git("status", "--porcelain"), "the monitor lies")
	b := newBench(t, r.root)
	part, facts := b.capture()

	r.git("-c", "core.fsmonitor=false", "checkout", "-q", "-f", "main")
	r.git("update-index", "--fsmonitor")
	r.git("status")
	require.Empty(t, r.git("status", "--porcelain"))
	b.restore(part, facts)
	require.Equal(t, " M notes.txt", r.git("status", "--porcelain"))
}

// TestMakeGivesTheSameAnswer (G18): times come back to the nanosecond, of build
// products that git ignores as well, so what was up to date is, and what was
// not is not. It fails if times are not set (handle.touch), and if what is
// ignored is left out.
func TestMakeGivesTheSameAnswer(t *testing.T) {
	r := newHistory(t)
	r.write("Makefile", "built: source ; cp source built\nstale: newer ; cp newer stale\nsame: plain ; cp plain same\n")
	r.commit(".gitignore", "built\nstale\nsame\n")
	r.write("source", "one\n")
	r.write("newer", "one\n")
	r.write("plain", "one\n")
	r.make("built", "stale", "same")
	edited := time.Now().Add(time.Millisecond)
	r.write("newer", "two\n")
	require.NoError(t, os.Chtimes(filepath.Join(r.root, "newer"), edited, edited))
	want := r.questions()
	require.Equal(t, "built: 0 stale: 1 same: 0", want)
	b := newBench(t, r.root)
	part, facts := b.capture()

	r.write("source", "another state\n")
	r.make("built", "stale")
	require.NoError(t, os.Chtimes(filepath.Join(r.root, "plain"), edited.Add(time.Hour), edited.Add(time.Hour))) // and nothing else
	require.NotEqual(t, want, r.questions())
	b.restore(part, facts)
	require.Equal(t, want, r.questions())
}

func (r repo) make(targets ...string) {
	r.t.Helper()
	require.NoError(r.t, exec.Command("make", append([]string{"-s", "-C", r.root}, targets...)...).Run())
}

// questions are the answers of "make -q".
func (r repo) questions() string {
	ask := func(target string) int {
		cmd := exec.Command("make", "-q", "-C", r.root, target)
		_ = cmd.Run() // its exit code is the answer
		return cmd.ProcessState.ExitCode()
	}
	return fmt.Sprintf("built: %d stale: %d same: %d", ask("built"), ask("stale"), ask("same"))
}

// TestWhoeverIsInTheWorkspaceSeesItRestored (G37): the root and the directories
// that stay keep their inodes, also when all that was in them is gone, so a
// shell there and a container that has it mounted see what came back. It fails
// if another directory takes the place of the root.
func TestWhoeverIsInTheWorkspaceSeesItRestored(t *testing.T) {
	testbed.Require(t, "docker", "postgres")
	r := newHistory(t)
	mounted := testbed.Container(t, "bookworm", []string{"--volume=" + r.root + ":/w"}, "sleep", "600")
	shell := exec.Command("sh", "-c", "read line; cat notes.txt src/app.go")
	shell.Dir = r.root
	stdin, err := shell.StdinPipe()
	require.NoError(t, err)
	stdout, err := shell.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, shell.Start())
	b := newBench(t, r.root)
	part, facts := b.capture()
	inode := func() uint64 {
		info, err := os.Stat(r.root)
		require.NoError(t, err)
		return info.Sys().(*syscall.Stat_t).Ino
	}
	before, want := inode(), read(t, r, "notes.txt")+read(t, r, "src/app.go")
	for _, name := range []string{".git", "src", "notes.txt"} {
		require.NoError(t, os.RemoveAll(filepath.Join(r.root, name)))
	}
	b.restore(part, facts)
	require.Equal(t, before, inode())
	require.NoError(t, stdin.Close())
	var said string
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		said += lines.Text() + "\n"
	}
	require.NoError(t, shell.Wait())
	require.Equal(t, want, said)
	require.Equal(t, strings.TrimSpace(want), strings.TrimSpace(testbed.Exec(t, mounted, "cat", "/w/notes.txt", "/w/src/app.go")))
}
