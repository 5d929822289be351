package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

// TestCheckFindsEveryFlippedByteOfEveryFile flips each byte of every file but
// the catalog, the lock and the reserve.
func TestCheckFindsEveryFlippedByteOfEveryFile(t *testing.T) {
	s := reopenQuietly(t, richStore(t).Dir())
	for _, path := range filesBelow(t, s.Dir()) {
		if path == "lock" || path == "reserve" || strings.HasPrefix(path, "cache") {
			continue
		}
		info, err := os.Stat(filepath.Join(s.Dir(), path))
		require.NoError(t, err)
		for offset := range info.Size() {
			damage(t, filepath.Join(s.Dir(), path), offset)
			report, err := s.Check(t.Context(), true)
			require.NoError(t, err)
			named := slices.ContainsFunc(report.Problems, func(p store.Problem) bool { return strings.Contains(p.Where, path) })
			require.True(t, named, "%s at %d: %v", path, offset, report.Problems)
			damage(t, filepath.Join(s.Dir(), path), offset)
		}
	}
	storetest.Check(t, s)
}

// TestFlippedByteOfTheCatalog flips bytes of the catalog: it is not opened, or
// the check names it, or the flip changed nothing: not what the store says,
// and not what it does from there on. Such bytes are in pages that are free,
// behind the last entry of a page, and in the meta page that does not count.
func TestFlippedByteOfTheCatalog(t *testing.T) {
	dir := richStore(t).Dir()
	path := filepath.Join(dir, "catalog.db")
	s := reopenQuietly(t, copyDir(t, dir))
	want := contentsOf(t, s)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	pristine := copyDir(t, dir)
	refused, found, harmless := 0, 0, 0
	for _, at := range positions(good) {
		copied := copyDir(t, pristine)
		damage(t, filepath.Join(copied, "catalog.db"), at)
		s, err := store.Open(copied, store.Options{})
		if err != nil {
			require.ErrorIs(t, err, store.ErrDamaged, "at %d", at)
			require.ErrorContains(t, err, "catalog")
			require.ErrorContains(t, err, "dogear repair")
			require.NotContains(t, err.Error(), "runtime error")
			refused++
			continue
		}
		report, err := s.Check(t.Context(), true)
		require.NoError(t, err)
		if report.Whole() {
			require.Equal(t, want, contentsOf(t, s), "at %d", at)
			save(t, s, "01d", random(8, 700))
			drop(t, s, "01a")
			prune(t, s)
			storetest.Check(t, s)
			requireListed(t, s, "01d", "01b")
			harmless++
		} else {
			found++
		}
		require.NoError(t, s.Close())
		require.NoError(t, os.RemoveAll(copied))
	}
	t.Logf("%d flips: %d refused, %d found, %d harmless", refused+found+harmless, refused, found, harmless)
	require.Greater(t, refused, 50)
	require.Greater(t, found, 50)
}

// positions returns where to flip: in the beginning of each page, where its
// structure is, and here and there.
func positions(file []byte) []int64 {
	var at []int64
	for page := 0; page < len(file); page += 4096 {
		for i := 0; i < 48; i++ {
			at = append(at, int64(page+i))
		}
	}
	for i := 0; i < len(file); i += 41 {
		if file[i] != 0 {
			at = append(at, int64(i))
		}
	}
	for i := 48; i < 80; i++ { // the meta pages
		at = append(at, int64(i), int64(4096+i))
	}
	slices.Sort(at)
	return slices.Compact(at)
}
