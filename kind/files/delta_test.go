package files_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/files"
	"dogear/kind/kindtest"
)

// How a file was kept that changed between the passes is said with the part:
// cloned where the file system can, copied elsewhere.
func TestPartSaysHowChangedFilesWereKept(t *testing.T) {
	for filesystem, want := range map[string]kind.Delta{"btrfs": {Cloned: 1}, "xfs": {Cloned: 1}, "ext4": {Copied: 1}} {
		t.Run(filesystem, func(t *testing.T) {
			root := testbed.Filesystem(t, filesystem, 400<<20)
			ws := kindtest.Workspace(root)
			path := filepath.Join(root, "app.sqlite3")
			require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("row "), 2<<20), 0o600))
			capture, err := files.New().Open(t.Context(), ws, kind.Item{ID: id, Root: root}, kindtest.NewMemory())
			require.NoError(t, err)
			defer func() { require.NoError(t, capture.Close()) }()
			require.NoError(t, capture.(kind.Preparer).Prepare(t.Context()))
			require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("ROW "), 2<<20), 0o600))
			require.NoError(t, capture.Take(t.Context()))
			part, err := capture.Finish(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, part.Delta)
		})
	}
}
