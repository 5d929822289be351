package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/store"
)

// cuts is at how many writes of each command the power is cut.
func cuts() int { return boundaries() / 2 }

// After a power loss the store is what it was before a command or after it,
// and after it if the command had returned.
func TestPowerLossIsOldOrNew(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			d := newPlainDesk(t)
			disk := testbed.NewDisk(t, kind, 400<<20)
			t.Setenv("DOGEAR_STORE", filepath.Join(disk.Dir, "store"))
			d.succeeds("save", "--name", "first")
			for i, args := range [][]string{{"save", "--name", "doomed"}, {"save"}, {"rm", "--force", "doomed"}, {"prune"}} {
				d.renew(uint64(2 + i))
				d.losesPower(disk, args)
			}
		})
	}
}

// losesPower runs a command with the power being cut at writes spread over all
// of them, and right after it has returned.
func (d *desk) losesPower(disk *testbed.Disk, args []string) {
	d.t.Helper()
	old := slices.Sorted(slices.Values(d.snapshots()))
	var images []string
	cut := func() error {
		image, err := disk.Cut()
		images = append(images, image)
		return err
	}
	testbed.AtBoundaries(d.t, d.command(args...), func(int) error { return cut() })
	require.NoError(d.t, cut())
	current := slices.Sorted(slices.Values(d.snapshots()))
	last := len(images) - 1
	for i := range cuts() { // booting takes longer than cutting
		n := i * last / cuts()
		require.Contains(d.t, [][]string{old, current}, d.boot(disk, images[n]), "%v, before write %d of %d", args, n+1, last)
	}
	require.Equal(d.t, current, d.boot(disk, images[last]), "%v had returned", args)
	d.t.Logf("%v: power cut at %d of %d writes, and after the last", args, cuts(), last)
}

// boot returns the snapshots that the store has after a power loss, all of
// which are whole.
func (d *desk) boot(disk *testbed.Disk, image string) []string {
	d.t.Helper()
	s, err := store.Open(filepath.Join(disk.Boot(d.t, image), "store"), store.Options{})
	require.NoError(d.t, err)
	defer func() { require.NoError(d.t, s.Close()) }()
	report, err := s.Check(d.t.Context(), true)
	require.NoError(d.t, err)
	require.Empty(d.t, report.Problems)
	left, err := os.ReadDir(s.Incoming())
	require.NoError(d.t, err)
	require.Empty(d.t, left)
	list, err := s.Snapshots(d.t.Context(), "")
	require.NoError(d.t, err)
	ids := []string{}
	for _, snap := range list {
		ids = append(ids, string(snap.ID))
	}
	return slices.Sorted(slices.Values(ids))
}
