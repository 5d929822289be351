package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/store"
)

// boundaries is at how many writes each command is killed.
func boundaries() int { return testbed.Points(10) }

// atBoundaries kills a command right before one of its writes, again and
// again, at writes spread evenly over all of them.
func (d *desk) atBoundaries(before func(), args []string, after func()) {
	d.t.Helper()
	before()
	total := testbed.Boundaries(d.t, d.command(args...))
	after()
	killed := 0
	for i := range boundaries() {
		before()
		n := 1 + i*total/boundaries()
		if testbed.KillAt(d.t, d.command(args...), n) {
			killed++
		}
		d.storeIsWhole()
		d.succeeds("recover")
		d.nothingLeft()
		after()
	}
	require.GreaterOrEqual(d.t, killed, boundaries()*3/4, "%d writes; most runs come as far as the others", total)
	d.t.Logf("%v: killed at %d of some %d writes", args, killed, total)
}

// storeIsWhole opens the store as the next command would, and reads all of it.
func (d *desk) storeIsWhole() {
	d.t.Helper()
	s, err := store.Open(os.Getenv("DOGEAR_STORE"), store.Options{})
	require.NoError(d.t, err)
	defer func() { require.NoError(d.t, s.Close()) }()
	report, err := s.Check(d.t.Context(), true)
	require.NoError(d.t, err)
	require.Empty(d.t, report.Problems)
}

// snapshots lists the ids of all snapshots, the newest first.
func (d *desk) snapshots() []string {
	d.t.Helper()
	cmd := d.command("list", "--json")
	out, err := cmd.Output()
	require.NoError(d.t, err)
	var list []struct {
		ID string `json:"id"`
	}
	require.NoError(d.t, json.Unmarshal(out, &list))
	var ids []string
	for _, s := range list {
		ids = append(ids, s.ID)
	}
	return ids
}

// allRestore restores each snapshot that is listed.
func (d *desk) allRestore() {
	d.t.Helper()
	for _, id := range d.snapshots() {
		d.succeeds("restore", id)
		d.succeeds("verify", id)
	}
}

// newPlainDesk is a workspace of files only, and of all kinds of them.
func newPlainDesk(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t)
	require.NoError(t, os.RemoveAll(d.root))
	d.renew(1)
	return d
}

// renew rewrites about a half of the files, adds some and removes some, in
// a way that depends on the seed.
func (d *desk) renew(seed uint64) {
	d.t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	big := make([]byte, 2<<20)
	for i := range big {
		big[i] = byte(r.IntN(256))
	}
	d.write("big", string(big))
	for i := range 40 {
		name := fmt.Sprintf("dir%d/file%d", i%7, i)
		switch r.IntN(4) {
		case 0:
			require.NoError(d.t, os.RemoveAll(filepath.Join(d.root, name)))
		case 1, 2:
			d.write(name, strings.Repeat(fmt.Sprintf("line %d of %d\n", r.IntN(100), seed), 1+r.IntN(500)))
		}
	}
	for _, name := range []string{"hard", "soft"} {
		require.NoError(d.t, os.RemoveAll(filepath.Join(d.root, name)))
	}
	require.NoError(d.t, os.Link(filepath.Join(d.root, "big"), filepath.Join(d.root, "hard")))
	require.NoError(d.t, os.Symlink(fmt.Sprint("target", seed), filepath.Join(d.root, "soft")))
}

func TestSaveKilledAtAnyWriteIsOldOrNew(t *testing.T) {
	d := newPlainDesk(t)
	d.succeeds("save")
	seed := uint64(1)
	var old []string
	d.atBoundaries(func() {
		seed++
		d.renew(seed)
		old = d.snapshots()
	}, []string{"save"}, func() {
		have := d.snapshots()
		require.Equal(t, old, have[len(have)-len(old):], "what was saved before is there")
		require.LessOrEqual(t, len(have), len(old)+1)
		if len(have) > len(old) {
			d.succeeds("verify", "latest")
		}
	})
	d.allRestore()
}

func TestRestoreKilledAtAnyWriteIsOldOrNew(t *testing.T) {
	d := newPlainDesk(t)
	d.succeeds("save", "--name", "first")
	d.renew(2)
	d.succeeds("save", "--name", "second")
	d.atBoundaries(func() { d.succeeds("restore", "second") }, []string{"restore", "first"},
		func() { d.isOneOf("first", "second") })
	require.Contains(t, d.succeeds("log"), "interrupted restore", "no kill came in the middle")
}

func TestRemovalKilledAtAnyWriteIsOldOrNew(t *testing.T) {
	d := newPlainDesk(t)
	d.succeeds("save", "--name", "kept")
	var old []string
	args := []string{"rm", "--force", "doomed"}
	d.atBoundaries(func() {
		if code, _ := d.dogear("show", "doomed"); code != 0 {
			d.write("doomed", fmt.Sprint(rand.Uint64()))
			d.succeeds("save", "--name", "doomed")
		}
		old = d.snapshots()
	}, args, func() {
		have := d.snapshots()
		if !slices.Equal(have, old) {
			require.Equal(t, old[1:], have)
		}
	})
	d.allRestore()
}

func TestPruneKilledAtAnyWriteLosesNothing(t *testing.T) {
	d := newPlainDesk(t)
	d.succeeds("save", "--name", "kept")
	seed := uint64(1)
	var old []string
	d.atBoundaries(func() {
		seed++
		d.renew(seed)
		d.succeeds("save", "--name", "doomed")
		d.renew(seed + 1000)
		d.succeeds("save")
		d.succeeds("rm", "--force", "doomed")
		old = d.snapshots()
	}, []string{"prune"}, func() { require.Equal(t, old, d.snapshots()) })
	d.allRestore()
}

// A pause that is to leave the repositories clean is done wholly or taken
// back, whenever it is killed, its git commands included: the journal of the
// clearing names the snapshot to go back to, and every lock is known as ours.
func TestPauseWithCheckoutKilledAtAnyWriteIsOldOrNew(t *testing.T) {
	d := newDesk(t)
	d.git("branch", "hotfix")
	d.wreck()
	d.write("repo/untracked/deep", "untracked")
	d.write("repo/src/3.txt", "staged")
	d.git("add", "src/3.txt")
	d.write("repo/src/3.txt", "not staged")
	d.succeeds("save", "--name", "before")
	taken, done := 0, 0
	d.atBoundaries(func() { d.succeeds("restore", "before") }, []string{"pause", "--checkout", "hotfix"}, func() {
		if code, _ := d.dogear("verify", "before"); code == 0 {
			taken++
			return
		}
		done++
		require.Equal(t, "## hotfix\n", d.output("status", "--short", "--branch"))
		d.succeeds("resume", "--exact")
		d.succeeds("verify", "before")
	})
	require.NotZero(t, taken)
	require.NotZero(t, done)
	require.Contains(t, d.succeeds("log"), "interrupted pause", "no kill came in the middle")
}

// What fails half-way is taken back at once, and the command says so.
func TestPauseWhoseCheckoutFailsIsTakenBack(t *testing.T) {
	d := newDesk(t)
	d.git("checkout", "-q", "-b", "hotfix")
	d.write("repo/src/7.txt", "lost")
	d.git("commit", "-q", "-am", "a commit whose content is lost")
	id := strings.TrimSpace(d.output("rev-parse", "hotfix:src/7.txt"))
	d.git("checkout", "-q", "main")
	require.NoError(t, os.Remove(filepath.Join(d.root, "repo", ".git", "objects", id[:2], id[2:])))
	d.write("repo/untracked", "untracked")
	d.succeeds("save", "--name", "before")
	code, out := d.dogear("pause", "--checkout", "hotfix")
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "the state before was brought back")
	d.succeeds("verify", "before")
	d.nothingLeft()
	require.Contains(t, d.succeeds("log"), "pause      rolled back")
}

func (d *desk) output(args ...string) string {
	d.t.Helper()
	out, err := exec.Command("git", append([]string{"-C", filepath.Join(d.root, "repo")}, args...)...).Output()
	require.NoError(d.t, err)
	return string(out)
}
