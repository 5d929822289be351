package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// A restore for which there is no room is refused before anything is touched,
// and says how much is missing where; what it makes room for itself counts.
func TestRestoreWithoutRoomIsRefused(t *testing.T) {
	d, disk := newRoundDesk(t)
	big := make([]byte, 40<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(big) // never fails
	d.write("big", string(big))
	d.succeeds("save", "--name", "first")
	require.NoError(t, os.Remove(filepath.Join(d.root, "big")))
	d.write("small", "new")
	filler := testbed.Fill(t, disk, 2<<20)
	before := testbed.Witness(t, d.root)

	code, out := d.dogear("restore", "first")
	require.Equal(t, 1, code, out)
	require.Regexp(t, `the filesystem of .* has no room for files/\.: 42 MB more are needed, and \d MB are free; free \d+ MB there`, out)
	require.Contains(t, out, "state: nothing was touched")
	code, planned := d.dogear("restore", "first", "--dry-run")
	require.Equal(t, 1, code, "as the restore would: %s", planned)
	require.Contains(t, planned, "in the way: the filesystem of ")
	require.Equal(t, before, testbed.Witness(t, d.root))
	d.nothingLeft()

	require.NoError(t, os.Remove(filler))
	d.succeeds("restore", "first")
	d.isOneOf("first")
}

// A rehearsal for which there is no room is refused before it makes anything.
func TestRehearsalWithoutRoomIsRefused(t *testing.T) {
	d, disk := newRoundDesk(t)
	t.Setenv("DOGEAR_STORE", filepath.Join(disk, "store"))
	d.write("big", strings.Repeat("it is compressed to nothing\n", 2<<20))
	d.succeeds("save", "--name", "first")
	code, out := d.dogear("rehearse", "first")
	require.Zero(t, code, out)
	testbed.Fill(t, disk, 20<<20)
	code, out = d.dogear("rehearse", "first")
	require.Equal(t, 1, code, out)
	require.Regexp(t, `the filesystem of .* has no room for files/\.: 59 MB more are needed`, out)
	require.Contains(t, out, "the workspace was not touched")
	entries, err := os.ReadDir(filepath.Join(disk, "store", "rehearsals"))
	require.NoError(t, err)
	require.Empty(t, entries)
}

// So is a copy in another directory: others may need what room is left there. It
// fails without hasRoom.
func TestACopyWithoutRoomIsRefused(t *testing.T) {
	d, disk := newRoundDesk(t)
	d.write("big", strings.Repeat("it is compressed to nothing\n", 2<<20))
	d.succeeds("save", "--name", "first")
	testbed.Fill(t, disk, 20<<20)
	to := filepath.Join(disk, "copy")
	code, out := d.dogear("restore", "first", "--to", to)
	require.Equal(t, 1, code, out)
	require.Regexp(t, `the filesystem of .* has no room for files/\.: 59 MB more are needed`, out)
	require.Contains(t, out, "state: nothing was touched")
	require.NoDirExists(t, to)
}

// Root of a user namespace cannot give files to users that it does not have:
// that is said before anything is touched.
func TestOwnersThatDoNotExistAreNamed(t *testing.T) {
	d, _ := newRoundDesk(t)
	d.write("theirs", "first")
	require.NoError(t, os.Chown(filepath.Join(d.root, "theirs"), 1000, 1000))
	d.succeeds("save", "--name", "first")
	d.write("theirs", "second")
	before := testbed.Witness(t, d.root)

	cmd := d.command("restore", "first")
	cmd.Path, cmd.Args = "/usr/bin/unshare", append([]string{"unshare", "--map-root-user", cmd.Path}, cmd.Args[1:]...)
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, 1, cmd.ProcessState.ExitCode(), string(out))
	require.Contains(t, string(out), "theirs belongs to user 1000 and group 1000, which this user namespace does not have")
	require.Contains(t, string(out), "state: nothing was touched")
	require.Equal(t, before, testbed.Witness(t, d.root))
	d.succeeds("restore", "first")
	d.isOneOf("first")
}
