package tree_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/tree"
)

// A patch that was killed between any two chunks is completed by the next
// run, or taken back, whether or not the stat index of before is still there.
func TestKilledPatch(t *testing.T) {
	t.Parallel()
	store, root, opts := dirStore(t.TempDir()), t.TempDir(), pagedOptions()
	e := &edited{t: t, path: filepath.Join(root, "db")}
	e.write(0, noise(1, 8<<20))
	first := captureTree(t, root, opts, store)
	before := bytes.Clone(e.content)
	e.scatter(20)
	second := captureTree(t, root, opts, store)
	after := bytes.Clone(e.content)

	for i := range 6 {
		apply(t, root, opts, second.Manifest, store)
		job := task{Root: root, Store: store, Manifest: first.Manifest, Fatal: int64(3 + 3*i), InPlace: opts.InPlace}
		require.Error(t, job.run(t, time.Minute))
		got, err := os.ReadFile(e.path)
		require.NoError(t, err)
		require.False(t, bytes.Equal(got, before), "it was killed on the way")
		require.False(t, bytes.Equal(got, after), "and had begun")
		if i%2 == 0 {
			opts.Index = &memoryIndex{}
		}
		to, want := first, before
		if i%3 == 0 {
			to, want = second, after
		}
		require.Equal(t, 1, apply(t, root, opts, to.Manifest, store).Patched)
		sameBytes(t, want, e.path)
		require.True(t, apply(t, root, tree.Options{InPlace: opts.InPlace}, to.Manifest, store).None())
	}
}
