package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
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
	require.Equal(t, before, testbed.Witness(t, d.root))
	d.nothingLeft()

	require.NoError(t, os.Remove(filler))
	d.succeeds("restore", "first")
	d.isOneOf("first")
}
