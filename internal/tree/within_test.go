package tree_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dogear/internal/testbed"
	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// What is selected becomes what was captured, and nothing else changes: not the
// files beside it, not other names of its files, not the directories above it
// (within, narrowing).
func TestOnlyWhatIsSelectedIsRestored(t *testing.T) {
	t.Parallel()
	var restored atomic.Int64
	t.Cleanup(func() { require.Positive(t, restored.Load()) })
	testbed.Property(t, 100, func(t testing.TB, r *rapid.T, dir string) {
		root, other := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		require.NoError(r, os.Mkdir(dir, 0o700))
		grow(r, root)
		grow(r, other)
		store := kindtest.NewMemory()
		result := captureTree(t, root, tree.Options{}, store)
		captured, before := byPath(t, root), byPath(t, other)

		opts := tree.Options{Index: &memoryIndex{}, Within: []kind.Pattern{
			rapid.SampledFrom([]kind.Pattern{"a", "b", "c", "a/b", "b/a", "c/a", "a/b/c", "**/e", "**/c", "*"}).Draw(r, "selected"),
		}}
		expected, err := tree.New(other).Compare(t.Context(), opts, result.Manifest, store)
		require.NoError(r, err)
		changes, err := tree.New(other).Apply(t.Context(), opts, result.Manifest, store)
		if len(expected.Conflicts) > 0 {
			require.Error(r, err)
			require.Equal(r, before, byPath(t, other))
			return
		}
		require.NoError(r, err)
		require.Equal(r, expected, changes)
		restored.Add(int64(changes.Created + changes.Rewritten + changes.Patched))

		want := make(map[string]string)
		for path, fact := range before {
			if !kind.MatchAny(opts.Within, path) {
				want[path] = fact
			}
		}
		for path, fact := range captured {
			if !kind.MatchAny(opts.Within, path) {
				continue
			}
			want[path] = fact
			for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
				if _, there := before[dir]; !there {
					want[dir] = captured[dir] // it was made
				}
			}
		}
		require.Equal(r, want, byPath(t, other))
		require.True(r, apply(t, other, opts, result.Manifest, store).None())
	})
}

var linked = regexp.MustCompile(` link=\S*`)

// byPath returns the rest facts of a tree but for which names share a file.
func byPath(t testing.TB, root string) map[string]string {
	t.Helper()
	facts := make(map[string]string)
	for fact, err := range tree.Facts(tree.New(root).Entries(t.Context(), tree.Options{}), "", nil) {
		require.NoError(t, err)
		facts[strings.TrimPrefix(fact.Name, ".")] = linked.ReplaceAllString(fact.Value, "")
	}
	return facts
}
