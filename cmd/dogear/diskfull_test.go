package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// names lists all files below a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out = append(out, path)
		}
		return err
	}))
	return out
}

// A save that finds the disk full at any moment fails, says so, and leaves
// nothing; what was saved before can be listed, and be restored with a little
// room.
func TestFullDiskFailsASaveAndNothingElse(t *testing.T) {
	d := newPlainDesk(t)
	disk := testbed.Filesystem(t, "ext4", 64<<20)
	where := filepath.Join(disk, "store")
	t.Setenv("DOGEAR_STORE", where)
	d.succeeds("save")
	before := testbed.Unallocated(t, disk)
	d.renew(2)
	d.succeeds("save")
	need := before - testbed.Unallocated(t, disk)
	require.Positive(t, need)

	failed, degrees := 0, 2*boundaries()
	for i := range degrees {
		d.renew(uint64(3 + i))
		old, packs := d.snapshots(), names(t, filepath.Join(where, "packs"))
		workspace := testbed.Run(t, "find", d.root, "-printf", "%P %y %m %s %T@ %C@\n")
		filler := testbed.Fill(t, disk, 3*need*int64(i)/int64(degrees))

		code, out := d.dogear("save")
		require.Equal(t, workspace, testbed.Run(t, "find", d.root, "-printf", "%P %y %m %s %T@ %C@\n"))
		if code != 0 {
			failed++
			require.Equal(t, 1, code, out)
			require.Regexp(t, "no space left.*"+where+"|"+where+".*no space left", out, "%d of %d", i, degrees)
			require.Equal(t, old, d.snapshots(), "with the disk still full")
			require.Equal(t, packs, names(t, filepath.Join(where, "packs")))
			require.Empty(t, names(t, filepath.Join(where, "incoming")))
		}
		require.NoError(t, os.Remove(filler))
		d.storeIsWhole()
		d.nothingLeft()
		if code == 0 { // make room for the next
			require.Len(t, d.snapshots(), len(old)+1)
			d.succeeds("rm", "--force", d.snapshots()[0])
			d.succeeds("prune")
		}
	}
	require.Greater(t, failed, degrees/4, "%d bytes are needed", need)
	require.Less(t, failed, degrees)
	t.Logf("%d saves found the disk full, %d of %d did not", failed, degrees-failed, degrees)
	d.allRestore()
}

// On a disk without any space snapshots can be deleted and their space be
// freed: the store gives up its reserve for that, and has one again then.
func TestFullDiskCanBeCleared(t *testing.T) {
	for kind, size := range map[string]int64{"ext4": 64 << 20, "xfs": 320 << 20, "btrfs": 120 << 20} {
		t.Run(kind, func(t *testing.T) {
			d := newPlainDesk(t)
			disk := testbed.Filesystem(t, kind, size)
			where := filepath.Join(disk, "store")
			t.Setenv("DOGEAR_STORE", where)
			d.write("shared", "kept")
			d.succeeds("save", "--name", "kept")
			big := make([]byte, 12<<20)
			_, _ = rand.NewChaCha8([32]byte{}).Read(big) // never fails
			d.write("huge", string(big))
			d.succeeds("save", "--name", "doomed")
			require.NoError(t, os.Remove(filepath.Join(d.root, "huge")))
			d.write("small", "kept, too")
			d.succeeds("save")
			whole, err := os.Stat(filepath.Join(where, "reserve"))
			require.NoError(t, err)
			old := d.snapshots()

			testbed.Fill(t, disk, 0)
			code, out := d.dogear("save")
			require.Equal(t, 1, code, out)
			d.succeeds("rm", "--force", "doomed")
			require.Equal(t, []string{old[0], old[2]}, d.snapshots())
			d.succeeds("prune")
			require.Greater(t, testbed.Unallocated(t, disk), int64(4<<20), "it frees more than the reserve")
			after, err := os.Stat(filepath.Join(where, "reserve"))
			require.NoError(t, err)
			require.Equal(t, whole.Size(), after.Size())
			d.storeIsWhole()
			d.nothingLeft()
			d.allRestore()
		})
	}
}

// A save that has nowhere to put what changed meanwhile fails and says where.
func TestFullTemporaryDirectoryFailsASave(t *testing.T) {
	d := newPlainDesk(t)
	d.succeeds("save", "--name", "first")
	small := testbed.Filesystem(t, "ext4", 16<<20)
	t.Setenv("TMPDIR", small)
	testbed.Fill(t, small, 64<<10)

	stop, stopped := make(chan struct{}), make(chan error)
	go func() { stopped <- keepWriting(filepath.Join(d.root, "moving"), stop) }()
	testbed.Eventually(t, 10*time.Second, "a file is being written", func() bool {
		info, err := os.Stat(filepath.Join(d.root, "moving"))
		return err == nil && info.Size() == 1<<20
	})
	code, out := d.dogear("save")
	close(stop)
	require.NoError(t, <-stopped)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "no space left")
	require.Contains(t, out, small)
	require.Len(t, d.snapshots(), 1)
	d.storeIsWhole()
	d.nothingLeft()
}

// keepWriting writes over a file until it is told to stop.
func keepWriting(path string, stop chan struct{}) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	content := make([]byte, 1<<20)
	for i := 0; ; i++ {
		select {
		case <-stop:
			return nil
		default:
			content[i%len(content)]++
			if _, err := f.WriteAt(content, 0); err != nil {
				return err
			}
		}
	}
}
