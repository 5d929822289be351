package tree_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// A capture does not read a lasting file again because it was touched, but a
// comparison does, and finds damage. The techniques are reader.keep, and that
// the stat index gets what was known before (forIndex).
func TestLastingFilesThatWereTouchedAreNotRead(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "tree")
	pack := filepath.Join(root, "pack")
	put(t, root, "pack", strings.Repeat("content ", 1000))
	put(t, root, "other", "other")
	settled(t, root)
	store := kindtest.NewMemory()
	opts := tree.Options{Index: &memoryIndex{}, Lasting: []kind.Pattern{"pack"}}
	first := captureTree(t, root, opts, store)
	require.EqualValues(t, 8005, first.BytesRead)
	for range 2 { // what is kept is kept on
		now := time.Now()
		require.NoError(t, os.Chtimes(pack, now, now))
		result := captureTree(t, root, opts, store)
		require.Zero(t, result.BytesRead)
		for e, err := range result.Entries {
			require.NoError(t, err)
			if e.Path == "pack" {
				require.Equal(t, now.UnixNano(), e.Sec*1e9+e.Nsec)
			}
		}
		require.True(t, apply(t, root, tree.Options{}, result.Manifest, store).None(), "captured as it is")
		settled(t, root)
	}

	f, err := os.OpenFile(pack, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("damaged"), 100)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Zero(t, captureTree(t, root, opts, store).BytesRead)
	require.Equal(t, 1, apply(t, root, opts, first.Manifest, store).Rewritten)

	store.Clear()
	now := time.Now()
	require.NoError(t, os.Chtimes(pack, now, now))
	require.Greater(t, captureTree(t, root, opts, store).BytesRead, int64(8000), "what the sink lost is read")
}

// What Take found of lasting files is held open and neither copied nor lost
// when its name goes: a repacking removes packs at any time. It fails without
// pins.add.
func TestLastingFilesArePinned(t *testing.T) {
	root := t.TempDir()
	put(t, root, "pack", strings.Repeat("content ", 1<<16))
	put(t, root, "other", "other")
	store := kindtest.NewMemory()
	c := openCapture(t, root, tree.Options{Lasting: []kind.Pattern{"pack"}}, store)
	require.NoError(t, c.Take(t.Context()))
	require.NoError(t, os.Remove(filepath.Join(root, "pack")))
	put(t, root, "pack", "another")
	result := finish(t, c)
	require.Equal(t, 1, result.Delta.Pinned)
	require.Equal(t, 1, result.Delta.Copied)
	copied := filepath.Join(t.TempDir(), "copy")
	apply(t, copied, tree.Options{}, result.Manifest, store)
	content, err := os.ReadFile(filepath.Join(copied, "pack"))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("content ", 1<<16), string(content))
}
