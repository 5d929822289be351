package git

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// A database in a worktree is captured by the page; what git claims is not: it
// replaces its files, and reads them back whole.
func TestDatabasesInWorktreesArePaged(t *testing.T) {
	r := newHistory(t)
	b := newBench(t, r.root)
	for _, name := range []string{"app.db", "other", ".git/index"} {
		require.NoError(t, os.WriteFile(filepath.Join(r.root, name), make([]byte, 1<<20), 0o644))
	}
	b.item.Claimed = slices.Concat(b.item.Claims[0].Paths, []kind.Pattern{"app.db"})
	part, _ := b.capture()
	seen := 0
	for fact, err := range b.driver.Rest(t.Context(), part, b.memory) {
		require.NoError(t, err)
		if strings.HasSuffix(fact.Name, "app.db") {
			seen++
		}
		require.Equal(t, strings.HasSuffix(fact.Name, "app.db"), strings.Contains(fact.Value, " sha256-blocks="), fact.Name)
	}
	require.Equal(t, 1, seen)
}
