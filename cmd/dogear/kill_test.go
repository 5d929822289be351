package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
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

// kills is how often a command is killed, at moments spread over the time
// that it takes.
const kills = 6

// desk is a workspace for commands that are run as programs of their own.
type desk struct {
	t    *testing.T
	root string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("DOGEAR_STORE", filepath.Join(dir, "store"))
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(dir, "no-engine.sock"))
	for _, v := range []string{"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"} {
		t.Setenv(v, "ada@example.com")
	}
	d := &desk{t: t, root: filepath.Join(dir, "workspace")}
	d.layOut()
	return d
}

func (d *desk) layOut() {
	d.t.Helper()
	for i := range 200 {
		d.write(fmt.Sprintf("repo/src/%d.txt", i), fmt.Sprintf("first %d", i))
		d.write(fmt.Sprintf("plain/%d.txt", i), strings.Repeat("first", i))
	}
	d.git("init", "-q", "-b", "main")
	d.git("add", ".")
	d.git("commit", "-q", "-m", "first")
}

// wreck changes all of it.
func (d *desk) wreck() {
	d.t.Helper()
	for i := range 200 {
		d.write(fmt.Sprintf("repo/src/%d.txt", i), fmt.Sprintf("second %d", i))
		d.write(fmt.Sprintf("plain/%d.txt", i), strings.Repeat("second", i))
	}
	d.git("checkout", "-q", "-b", "other")
	d.git("commit", "-q", "-a", "-m", "second")
	require.NoError(d.t, os.RemoveAll(filepath.Join(d.root, "plain", "7.txt")))
}

func (d *desk) write(name, content string) {
	d.t.Helper()
	path := filepath.Join(d.root, name)
	require.NoError(d.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(d.t, os.WriteFile(path, []byte(content), 0o644))
}

func (d *desk) git(args ...string) {
	d.t.Helper()
	out, err := exec.Command("git", append([]string{"-C", filepath.Join(d.root, "repo")}, args...)...).CombinedOutput()
	require.NoError(d.t, err, string(out))
}

func (d *desk) command(args ...string) *exec.Cmd {
	cmd := exec.Command("dogear", append(args, "-C", d.root)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// dogear runs a command and returns its exit code and what it said.
func (d *desk) dogear(args ...string) (int, string) {
	d.t.Helper()
	out, err := d.command(args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), string(out)
	}
	require.NoError(d.t, err)
	return 0, string(out)
}

func (d *desk) succeeds(args ...string) string {
	d.t.Helper()
	code, out := d.dogear(args...)
	require.Zero(d.t, code, "dogear %q: %s", args, out)
	return out
}

// ended starts a command and sends it a signal after a time.
func (d *desk) ended(after time.Duration, s syscall.Signal, args ...string) int {
	d.t.Helper()
	cmd := d.command(args...)
	require.NoError(d.t, cmd.Start())
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Signal(s) }) // it may have ended
	defer timer.Stop()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		require.NoError(d.t, err)
	}
	return cmd.ProcessState.ExitCode()
}

// isOneOf requires the workspace to be exactly one of the named snapshots.
func (d *desk) isOneOf(names ...string) {
	d.t.Helper()
	var said []string
	for _, name := range names {
		code, out := d.dogear("verify", name)
		if code == 0 {
			return
		}
		said = append(said, out)
	}
	require.Fail(d.t, "neither nor", strings.Join(said, "\n"))
}

func (d *desk) nothingLeft() {
	d.t.Helper()
	for _, dir := range []string{"journal", "incoming"} {
		entries, err := os.ReadDir(filepath.Join(os.Getenv("DOGEAR_STORE"), dir))
		require.NoError(d.t, err)
		require.Empty(d.t, entries)
	}
	require.NoError(d.t, filepath.WalkDir(d.root, func(path string, _ os.DirEntry, err error) error {
		require.NotContains(d.t, filepath.Base(path), "dogear-tmp")
		return err
	}))
}

// moments are spread over the time that f takes.
func moments(f func()) []time.Duration {
	start := time.Now()
	f()
	total := time.Since(start)
	out := make([]time.Duration, kills)
	for i := range out {
		out[i] = total * time.Duration(i+1) / kills
	}
	return out
}

func TestKilledRestoreIsTakenBackOrDone(t *testing.T) {
	d := newDesk(t)
	d.succeeds("save", "--name", "first")
	d.wreck()
	d.succeeds("save", "--name", "second")
	for _, moment := range moments(func() { d.succeeds("restore", "first") }) {
		d.succeeds("restore", "second")
		d.ended(moment, syscall.SIGKILL, "restore", "first")
		d.succeeds("recover")
		d.isOneOf("first", "second")
		d.nothingLeft()
	}
	require.Contains(t, d.succeeds("log"), "interrupted restore", "no kill came in the middle")
}

// A restore that was killed can be finished as well. Whatever its journal says
// has begun is done again, and not asked whether it is as it was saved
// (Continue).
func TestKilledRestoreIsFinished(t *testing.T) {
	testbed.Require(t, "root") // to stop it at a write
	d := newDesk(t)
	d.succeeds("save", "--name", "first")
	d.wreck()
	d.succeeds("save", "--name", "second")
	all := testbed.Boundaries(t, d.command("restore", "first"))
	finished := 0
	for range testbed.Points(5) {
		d.succeeds("restore", "second")
		testbed.KillAt(t, d.command("restore", "first"), all/3+rand.IntN(all*2/3))
		if strings.Contains(d.succeeds("recover", "--resume"), "The interrupted restore was finished") {
			finished++
			d.isOneOf("first")
			require.Contains(t, d.succeeds("receipt"), "identical")
			d.succeeds("undo")
			d.isOneOf("second")
		}
		d.isOneOf("first", "second")
		d.nothingLeft()
	}
	require.NotZero(t, finished, "no kill came in the middle")
}

// A resume that was killed is finished too, and keeps what was made in the
// meantime, though what it had taken aside is gone: it takes back what it did,
// and does it again. It fails if it goes on from the half restored repository.
func TestKilledResumeIsFinishedAndKeeps(t *testing.T) {
	testbed.Require(t, "root") // to stop it at a write
	d := newDesk(t)
	d.succeeds("pause", "--for", "INC-42")
	d.wreck()
	made := strings.TrimSpace(d.output("rev-parse", "other"))
	d.succeeds("save", "--name", "second")
	all := testbed.Boundaries(t, d.command("resume"))
	require.Equal(t, made, strings.TrimSpace(d.output("rev-parse", "other")), "it keeps what was made")
	wanted := d.output("show-ref") + d.output("status", "--branch", "--short")
	finished, kills := 0, testbed.Points(1)
	for i := range kills {
		d.succeeds("restore", "second")
		testbed.KillAt(t, d.command("resume"), all/2+all/2*i/kills)
		out := d.succeeds("recover", "--resume")
		if !strings.Contains(out, "The interrupted restore was finished") {
			continue // it had not begun, or was done
		}
		finished++
		require.Equal(t, wanted, d.output("show-ref")+d.output("status", "--branch", "--short"), out)
		require.Contains(t, out, "other", "it says what was kept")
		d.nothingLeft()
	}
	require.NotZero(t, finished, "no kill came in the middle")
}

func TestKilledSaveLeavesNoHalfSnapshot(t *testing.T) {
	d := newDesk(t)
	d.succeeds("save", "--name", "first")
	for _, moment := range moments(func() { d.succeeds("save") }) {
		d.ended(moment, syscall.SIGKILL, "save")
		d.succeeds("recover")
		d.succeeds("verify", "latest")
		d.nothingLeft()
	}
}

func TestInterruptedRestoreIsTakenBackAtOnce(t *testing.T) {
	d := newDesk(t)
	d.succeeds("save", "--name", "first")
	d.wreck()
	d.succeeds("save", "--name", "second")
	taken := 0
	for _, moment := range moments(func() { d.succeeds("restore", "first") }) {
		d.succeeds("restore", "second")
		code := d.ended(moment, syscall.SIGINT, "restore", "first")
		d.nothingLeft() // before any other command
		switch code {
		case 0:
			d.isOneOf("first")
		case 130:
			taken++
			d.isOneOf("second")
		case -1: // before it listened to signals
			d.isOneOf("second")
		default:
			require.Fail(t, "exit code", code)
		}
	}
	require.NotZero(t, taken, "no interrupt came in the middle")
}
