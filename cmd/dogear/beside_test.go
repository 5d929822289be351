package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
)

// gate holds commands that look at one repository, in the middle of their
// work: it stands in for the git that they run, and passes everything on to
// the real one once it is opened.
type gate struct {
	t    *testing.T
	shut string // exists while the gate is
	at   string // exists once somebody has come to it
}

const gatekeeper = `#!/bin/sh
case "$*" in *"--file -"*) ;; *) exec %[1]s "$@" ;; esac
content=$(cat)
case "$content" in *gated*)
	: >> %[3]s
	turns=0
	while [ -e %[2]s ] && [ $turns -lt 3000 ]; do turns=$((turns + 1)); sleep 0.02; done ;;
esac
printf '%%s\n' "$content" | exec %[1]s "$@"
`

// newGate puts a gate into the way of all commands of the test. It is open.
func newGate(t *testing.T) *gate {
	t.Helper()
	git, err := exec.LookPath("git")
	require.NoError(t, err)
	dir := t.TempDir()
	g := &gate{t: t, shut: filepath.Join(dir, "shut"), at: filepath.Join(dir, "at")}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "git"), fmt.Appendf(nil, gatekeeper, git, g.shut, g.at), 0o700))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Cleanup(g.open)
	return g
}

func (g *gate) close() {
	require.NoError(g.t, os.RemoveAll(g.at))
	require.NoError(g.t, os.WriteFile(g.shut, nil, 0o600))
}

func (g *gate) open() { require.NoError(g.t, os.RemoveAll(g.shut)) }

// wait returns when somebody has come to the gate.
func (g *gate) wait() {
	require.Eventually(g.t, func() bool {
		_, err := os.Lstat(g.at)
		return err == nil
	}, 20*time.Second, 5*time.Millisecond, "nobody comes to the gate")
}

// gated makes the desk's repository one that the gate holds.
func (d *desk) gated() *desk {
	d.t.Helper()
	d.git("config", "test.gated", "true")
	return d
}

// background is a command that runs, and what it says.
type background struct {
	*exec.Cmd
	out *os.File
}

func (d *desk) starts(args ...string) *background {
	d.t.Helper()
	out, err := os.CreateTemp(d.t.TempDir(), "out")
	require.NoError(d.t, err)
	b := &background{Cmd: d.command(args...), out: out}
	b.Stdout, b.Stderr = out, out
	require.NoError(d.t, b.Start())
	return b
}

// ends waits for a command and returns its exit code and what it said.
func (b *background) ends(t *testing.T) (int, string) {
	t.Helper()
	var exit *exec.ExitError
	if err := b.Wait(); err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	said, err := os.ReadFile(b.out.Name())
	require.NoError(t, errors.Join(err, b.out.Close()))
	return b.ProcessState.ExitCode(), string(said)
}

func (b *background) succeeds(t *testing.T) {
	t.Helper()
	code, out := b.ends(t)
	require.Zero(t, code, "%q: %s", b.Args, out)
}

// second is another workspace of the same user, with the same store.
func (d *desk) second() *desk {
	d.t.Helper()
	other := &desk{t: d.t, root: filepath.Join(d.t.TempDir(), "second")}
	other.layOut()
	return other
}

func TestCommandsBesideASave(t *testing.T) {
	g := newGate(t)
	first := newDesk(t).gated()
	second := first.second()
	first.succeeds("save", "--name", "before")
	g.close()
	save := first.starts("save", "-m", "a secret")
	g.wait()

	var lists []*background
	for range 10 {
		lists = append(lists, first.starts("list"))
	}
	for _, l := range lists {
		l.succeeds(t)
	}
	require.Contains(t, first.succeeds("show", "before"), "before")
	first.succeeds("check", "--read-data")
	second.succeeds("save")
	second.succeeds("rm", "latest")
	second.succeeds("save", "--name", "other")
	first.succeeds("prune", "--all")
	second.succeeds("verify", "other")

	code, out := first.dogear("repair")
	require.Equal(t, 4, code, out)
	require.Contains(t, out, fmt.Sprintf("in use by process %d (dogear save) since 20", save.Process.Pid))
	code, out = first.dogear("pause")
	require.Equal(t, 4, code, out)
	require.Contains(t, out, fmt.Sprintf("(process %d) has been running dogear save on it since 20", save.Process.Pid))
	code, out = first.dogear("restore", "before", "--json")
	require.Equal(t, 4, code, out)
	var said struct{ Error api.Error }
	require.NoError(t, json.Unmarshal([]byte(out), &said))
	require.Equal(t, save.Process.Pid, said.Error.Owner.PID)
	require.Equal(t, "dogear save", said.Error.Owner.Command)
	require.WithinDuration(t, time.Now(), said.Error.Owner.Since, time.Minute)
	require.NotContains(t, out, "a secret")

	g.open()
	save.succeeds(t)
	require.Contains(t, first.succeeds("list"), "a secret")
	first.succeeds("verify")
	first.succeeds("check", "--read-data")
	first.nothingLeft()
	second.nothingLeft()
}

func TestHolderIsKilledWhileOthersWait(t *testing.T) {
	g := newGate(t)
	first := newDesk(t).gated()
	second := first.second().gated()
	first.succeeds("save", "--name", "one")
	second.succeeds("save", "--name", "two")
	g.close()
	holder := first.starts("save")
	g.wait()
	g.close()
	question := second.starts("status") // in the holder's process
	g.wait()
	g.close()
	third := first.second().gated()
	job := third.starts("save", "--name", "three") // in the holder's process, too
	g.wait()

	lists := []*background{first.starts("list"), second.starts("list")}
	require.NoError(t, holder.Process.Signal(syscall.SIGKILL))
	for range 8 {
		lists = append(lists, first.starts("list"))
	}
	g.open()
	code, _ := holder.ends(t)
	require.Equal(t, -1, code)
	for _, l := range lists {
		l.succeeds(t)
	}
	question.succeeds(t)
	code, out := job.ends(t)
	require.Equal(t, 7, code, out)
	require.Contains(t, out, "run dogear recover")

	for _, d := range []*desk{first, second, third} {
		d.succeeds("recover")
		d.succeeds("save")
		d.succeeds("verify")
		d.nothingLeft()
	}
	first.succeeds("check", "--read-data")
}

// TestHolderThatDoesNotAnswer: it is stopped, as one on a hanging disk is.
func TestHolderThatDoesNotAnswer(t *testing.T) {
	g := newGate(t)
	d := newDesk(t).gated()
	g.close()
	save := d.starts("save")
	g.wait()
	require.NoError(t, save.Process.Signal(syscall.SIGSTOP))
	code, out := d.dogear("list")
	require.Equal(t, 4, code, out)
	require.Contains(t, out, fmt.Sprintf("in use by process %d (dogear save) since 20", save.Process.Pid))
	require.Contains(t, out, "does not answer")
	require.NoError(t, save.Process.Signal(syscall.SIGCONT))
	g.open()
	save.succeeds(t)
}
