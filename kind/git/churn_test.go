package git

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// G20: git rewrites the stat cache whenever it looks. The technique is that an
// index is compared by what it means (meaning), not by its bytes.
func TestStatCacheOfTheIndexIsNoDifference(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			r := newHistory(t, v.init...)
			v.setUp(r)
			b := newBench(t, r.root)
			part, _ := b.capture()
			times := time.Unix(1_600_000_000, 0)
			require.NoError(t, os.Chtimes(filepath.Join(r.root, "notes.txt"), times, times))
			index := r.git("hash-object", "--no-filters", ".git/index")
			r.git("update-index", "-q", "--really-refresh")
			if v.name == "split index" || r.git("hash-object", "--no-filters", ".git/index") == index {
				return // compared by its bytes, or nothing to refresh
			}
			b.requireChanges(part, []string{"./notes.txt"})
			require.NoError(t, b.driver.Restore(t.Context(), b.ws, part, b.memory))
			b.requireChanges(part, nil)
		})
	}
}

func (b *bench) requireChanges(part kind.Part, want []string) {
	b.t.Helper()
	ctx := b.t.Context()
	rest := changed(collect(b.t, b.driver.Rest(ctx, part, b.memory)), collect(b.t, b.driver.InspectRest(ctx, b.ws, part.Item())))
	require.Equal(b.t, want, rest)
	change, err := b.driver.Preview(ctx, b.ws, part, b.memory)
	require.NoError(b.t, err)
	require.Equal(b.t, len(want) > 0, change.Action != kind.ActionNone, change.Details)
}

func TestWhatGitTouchesIsNoDifference(t *testing.T) {
	r := newHistory(t)
	b := newBench(t, r.root)
	part, _ := b.capture()
	now := time.Now()
	for _, name := range []string{".git", ".git/refs/heads", ".git/config", ".git/objects/pack"} {
		require.NoError(t, os.Chtimes(filepath.Join(r.root, name), now, now))
	}
	b.requireChanges(part, nil)
	require.NoError(t, os.Chmod(filepath.Join(r.root, ".git/config"), 0o600))
	b.requireChanges(part, []string{"./.git/config"})
}

// G12: what git or this package cannot read is a state as well. The technique is
// that such files are facts by their bytes (config.config, indexFacts), where an
// error would end the capture.
func TestDamagedRepositoryIsCapturedAllTheSame(t *testing.T) {
	for name, damage := range map[string]string{
		".git/index": "DIRC garbage", ".git/config": "[core\nbroken", ".git/HEAD": "nonsense\n",
		".git/refs/heads/topic": "", ".git/logs/refs/stash": "one line",
	} {
		t.Run(name, func(t *testing.T) {
			r := newHistory(t)
			b := newBench(t, r.root)
			r.write(name, damage)
			part, facts := b.capture()
			r.write(name, "other damage")
			require.NotEmpty(t, changed(facts, b.inspect()))
			require.NoError(t, b.driver.Restore(t.Context(), b.ws, part, b.memory))
			require.NoError(t, b.driver.Start(t.Context(), b.ws, part, b.memory))
			require.Equal(t, facts, b.inspect())
			content, err := os.ReadFile(filepath.Join(r.root, name))
			require.NoError(t, err)
			require.Equal(t, damage, string(content))
		})
	}
}

// G19, G20: git takes a file of another size than its index says for changed
// without looking at it, and a refresh does not help. The technique is that an
// index comes back with the files, also if it means the same (target.apply,
// which takes none of them for alike).
func TestIndexComesBackWithTheFilesThatItWasMadeFor(t *testing.T) {
	r := newHistory(t)
	r.write(".gitattributes", "* text=auto\n")
	r.git("add", ".")
	r.git("commit", "-q", "-m", "attributes")
	r.git("config", "core.autocrlf", "true") // from now on git checks out longer files
	b := newBench(t, r.root)
	part, facts := b.capture()
	require.NoError(t, os.Remove(filepath.Join(r.root, "notes.txt")))
	r.git("checkout", "-q", "notes.txt")
	b.restore(part, facts)
	require.Empty(t, r.git("status", "--porcelain"))
}
