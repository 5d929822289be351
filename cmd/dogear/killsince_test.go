package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// Whoever works on after a restore was killed, and has not noticed that, loses
// nothing when it is taken back, or gone on with: what is in neither of the two
// states is captured first (rescue). Where there is nothing of that, nothing is.
func TestWhatWasWrittenSinceAKillIsKept(t *testing.T) {
	testbed.Require(t, "root") // to stop it at a write
	d := newDesk(t)
	d.succeeds("save", "--name", "first")
	d.wreck()
	d.succeeds("save", "--name", "second")
	for _, c := range []struct {
		command, end string
		works        bool
	}{{"recover", "second", false}, {"list", "second", true}, {"recover --resume", "first", true}} {
		d.succeeds("restore", "second")
		writes := 0
		require.True(t, testbed.SignalWhen(t, d.command("restore", "first"), syscall.SIGKILL, func() bool {
			if d.hasBegun("files/.") && d.hasBegun("git/repo") {
				writes++
			}
			return writes > 100
		}))
		if c.works {
			d.write("plain/mine.txt", "an hour of work")
			d.write("repo/src/7.txt", "and some more")
		}
		out := d.succeeds(strings.Fields(c.command)...)
		d.isOneOf(c.end)
		found := regexp.MustCompile(`(?i)what was written since it was interrupted is in snapshot (\w+)`).FindStringSubmatch(out)
		require.Equal(t, c.works, found != nil, "%s: %s", c.command, out)
		d.nothingLeft()
		if !c.works {
			continue
		}
		require.Contains(t, d.succeeds("show", found[1]), "written since a restore was interrupted: files/.: plain/mine.txt; git/repo: ./src/7.txt")
		require.NotContains(t, d.succeeds("show", "latest"), found[1], "it is only some of it (IsPartial)")
		d.succeeds("restore", found[1], "--only", "files/.:plain/mine.txt,git/repo:src/7.txt")
		for name, want := range map[string]string{"plain/mine.txt": "an hour of work", "repo/src/7.txt": "and some more"} {
			content, err := os.ReadFile(filepath.Join(d.root, name))
			require.NoError(t, err)
			require.Equal(t, want, string(content))
		}
	}
}

// hasBegun reports whether a restore is about to touch an item, or has.
func (d *desk) hasBegun(id string) bool {
	journals, _ := filepath.Glob(filepath.Join(os.Getenv("DOGEAR_STORE"), "journal", "*.restore"))
	if len(journals) == 0 {
		return false
	}
	content, err := os.ReadFile(journals[0])
	_, begun, _ := strings.Cut(string(content), `"begun"`)
	return err == nil && strings.Contains(begun, `"`+id+`"`)
}

// Who interrupts a second time is told that it is still being taken back, and does
// not cut that short. It fails if the first interrupt is the last one that is
// heard.
func TestASecondInterruptIsAnswered(t *testing.T) {
	testbed.Require(t, "root") // to look at it step by step
	d := newDesk(t)
	d.succeeds("save", "--name", "first")
	d.wreck()
	d.succeeds("save", "--name", "second")
	said := filepath.Join(t.TempDir(), "said")
	file, err := os.Create(said)
	require.NoError(t, err)
	cmd := d.command("restore", "first")
	cmd.Stderr = file
	says := func(text string) bool {
		content, err := os.ReadFile(said)
		require.NoError(t, err)
		return strings.Contains(string(content), text)
	}
	interrupts := 0
	testbed.SignalWhen(t, cmd, 0, func() bool {
		begun := interrupts == 0 && says("the state before is in safety snapshot")
		if begun || interrupts == 1 && says("interrupted: ending, once what was begun is taken back") {
			interrupts++
			require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		}
		return false
	})
	require.NoError(t, file.Close())
	require.Equal(t, 2, interrupts)
	require.Equal(t, 130, cmd.ProcessState.ExitCode())
	require.True(t, says("still taking back what was begun: wait"))
	require.True(t, says("state: the state before was brought back"))
	d.nothingLeft() // before any other command
	d.isOneOf("second")
}
