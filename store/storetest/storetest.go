// Package storetest opens stores for tests.
package storetest

import (
	"context"
	"path/filepath"
	"testing"

	"dogear/store"

	"github.com/stretchr/testify/require"
)

// Open opens a new store. When the test is over the whole store is checked,
// every byte of it, and closed.
func Open(t testing.TB) *store.Store {
	t.Helper()
	return OpenAt(t, filepath.Join(t.TempDir(), "store"))
}

// OpenAt is Open for a directory of the test's choice.
func OpenAt(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		Check(t, s)
		require.NoError(t, s.Close())
	})
	return s
}

// Check fails the test if anything is wrong with the store.
func Check(t testing.TB, s *store.Store) {
	t.Helper()
	report, err := s.Check(context.Background(), true)
	require.NoError(t, err)
	require.Empty(t, report.Problems)
}

// CheckStructure is Check without reading packs.
func CheckStructure(t testing.TB, s *store.Store) {
	t.Helper()
	report, err := s.Check(context.Background(), false)
	require.NoError(t, err)
	require.Empty(t, report.Problems)
}
