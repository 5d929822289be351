package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// A repair that is killed at any write leaves a store that lists all it had
// or is refused, and that the next repair makes whole: what was deleted stays
// deleted, what was lost is written anew before the old catalog is set aside.
func TestRepairKilledAtAnyWriteIsRepairedAgain(t *testing.T) {
	d := newPlainDesk(t)
	d.succeeds("save", "--name", "kept")
	d.renew(2)
	d.succeeds("save", "--name", "doomed")
	d.renew(3)
	d.succeeds("save")
	d.succeeds("rm", "--force", "doomed")
	where, old := os.Getenv("DOGEAR_STORE"), d.snapshots()
	spoil := map[string]func(){
		"catalog": func() {
			require.NoError(t, os.WriteFile(filepath.Join(where, "catalog.db"), make([]byte, 8192), 0o600))
		},
		"records": func() {
			deletions, err := filepath.Glob(filepath.Join(where, "deletions", "*.json"))
			require.NoError(t, err)
			for _, lost := range append(deletions, filepath.Join(where, "snapshots", old[0]+".json"), filepath.Join(where, "format.json")) {
				require.NoError(t, os.Remove(lost))
			}
		},
	}
	for what, spoil := range spoil {
		spoil()
		total, killed := testbed.Boundaries(t, d.command("repair")), 0
		for i := range boundaries() / 2 {
			spoil()
			if testbed.KillAt(t, d.command("repair"), 1+i*total*2/boundaries()) {
				killed++
			}
			if code, _ := d.dogear("list"); code == 0 {
				require.Equal(t, old, d.snapshots(), "%s, %d of %d", what, i, total)
			}
			d.succeeds("repair")
			d.storeIsWhole()
			d.nothingLeft()
			require.Equal(t, old, d.snapshots(), "%s, %d of %d", what, i, total)
		}
		require.Greater(t, killed, boundaries()/4)
		t.Logf("%s: repair killed at %d of %d writes", what, killed, total)
	}
	d.allRestore()
}
