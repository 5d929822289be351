package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// What does not come up is named with the end of its log, and its user may
// keep that or go back.
func TestWhatDoesNotComeUpIsShown(t *testing.T) {
	testbed.Require(t, "docker", "root")
	engine := os.Getenv("DOCKER_HOST")
	d := newPlainDesk(t)
	t.Setenv("DOCKER_HOST", engine)
	outside := filepath.Join(t.TempDir(), "flag")
	require.NoError(t, os.WriteFile(outside, []byte("go"), 0o644))
	container := testbed.Container(t, "busybox", []string{
		"--network=none", "--volume=" + outside + ":/flag:ro", "--volume=" + d.root + ":/workspace",
		"--label=com.docker.compose.project=" + testbed.Name("project"),
		"--label=com.docker.compose.project.working_dir=" + d.root,
		"--label=com.docker.compose.service=web",
	}, "sh", "-c", `grep -q go /flag || { echo "no flag to go by"; exit 3; }; trap exit TERM; while :; do sleep 0.2; done`)
	d.succeeds("save", "--name", "first")
	d.renew(2)
	require.NoError(t, os.WriteFile(outside, []byte("no"), 0o644)) // it is not captured

	code, out := d.dogear("restore", "first", "--on-unhealthy", "rollback")
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "| no flag to go by")
	require.Contains(t, out, "state: the state before was brought back")

	code, out = d.dogear("restore", "first")
	require.Equal(t, 6, code, out)
	require.Contains(t, out, "Restored, but not healthy")
	require.Contains(t, out, "container/"+container+": it exited with code 3")
	require.Contains(t, out, "    | no flag to go by")
	require.Contains(t, out, "dogear undo brings it back")
	d.nothingLeft()
}

// newPicky is a desk with a container that starts only if a file outside of the
// workspace says so, or if a file in it is there. In the snapshot "first" it is
// not, but outside it said so then.
func newPicky(t *testing.T) *desk {
	t.Helper()
	testbed.Require(t, "docker", "root")
	engine := os.Getenv("DOCKER_HOST")
	d := newPlainDesk(t)
	t.Setenv("DOCKER_HOST", engine)
	outside := filepath.Join(t.TempDir(), "flag")
	require.NoError(t, os.WriteFile(outside, []byte("go"), 0o644))
	testbed.Container(t, "busybox", []string{
		"--network=none", "--volume=" + outside + ":/flag:ro", "--volume=" + d.root + ":/workspace",
		"--label=com.docker.compose.project=" + testbed.Name("project"),
		"--label=com.docker.compose.project.working_dir=" + d.root,
	}, "sh", "-c", `grep -q go /flag || test -e /workspace/new || { echo "no flag to go by"; exit 3; }; trap exit TERM; while :; do sleep 0.2; done`)
	d.succeeds("save", "--name", "first")
	d.write("new", "")
	require.NoError(t, os.WriteFile(outside, []byte("no"), 0o644)) // it is not captured
	d.succeeds("save", "--name", "second")
	return d
}

// At a terminal its user is asked whether to keep what is not healthy, and can
// go back with one word; without a terminal nobody is asked, and it is kept.
func TestWhatDoesNotComeUpIsAskedAbout(t *testing.T) {
	d := newPicky(t)
	code, out := d.dogear("restore", "first", "--on-unhealthy", "ask")
	require.Equal(t, 6, code, out)
	require.NotContains(t, out, "[keep/back]", "nobody is there to be asked")
	d.succeeds("restore", "second")

	const question = "or go back to safety snapshot"
	for answer, want := range map[string]struct {
		code  int
		state string
	}{"back": {1, "second"}, "keep": {6, "first"}} {
		terminal := testbed.OnTerminal(t, d.command("restore", "first"))
		terminal.Await(limit, question)
		require.Contains(t, terminal.Shown(), "| no flag to go by", "he sees first what is wrong")
		require.NotRegexp(t, `…(\x1b\[[0-9]*m)*[A-Z]`, terminal.Shown(), "what was being done makes way for the result")
		require.Contains(t, terminal.Shown(), "dogear: the state before is in safety snapshot ", "said before anything is touched")
		terminal.Type(answer + "\n")
		require.Equal(t, want.code, terminal.Wait(), terminal.Shown())
		if want.state == "second" {
			require.Contains(t, terminal.Shown(), "Took back the restore")
			d.succeeds("verify", "second")
		} else {
			require.Contains(t, terminal.Shown(), "it stays as it is now; dogear undo goes back")
			require.NoFileExists(t, filepath.Join(d.root, "new"))
			d.succeeds("undo")
			d.succeeds("verify", "second")
		}
	}

	// Whoever goes away has not decided anything.
	for _, leave := range []func(*testbed.Terminal){(*testbed.Terminal).Close, func(m *testbed.Terminal) { m.Type("\x03") }} {
		terminal := testbed.OnTerminal(t, d.command("restore", "first"))
		terminal.Await(limit, question)
		leave(terminal)
		require.Equal(t, 6, terminal.Wait(), terminal.Shown())
		require.NoFileExists(t, filepath.Join(d.root, "new"))
		d.succeeds("undo")
		d.succeeds("verify", "second")
	}
	d.nothingLeft()
}
