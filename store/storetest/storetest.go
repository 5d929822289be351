// Package storetest opens stores for tests.
package storetest

import (
	"context"
	"path/filepath"
	"testing"

	"dogear/kind"
	"dogear/snapshot"
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

// Commit commits a session as a snapshot that has one object, put in the sink.
func Commit(t testing.TB, session *store.Session, sink snapshot.PartSink, object kind.Object) {
	t.Helper()
	id := kind.ID{Kind: "files", Name: "."}
	reach, err := sink.PutReach(context.Background(), "", id)
	require.NoError(t, err)
	part := snapshot.Part{Part: kind.Part{ID: id, Objects: []kind.Object{object}}, Reach: reach}
	require.NoError(t, session.Commit(context.Background(), snapshot.Snapshot{
		ID: "01", Reason: snapshot.ReasonSave, Workspace: snapshot.WorkspaceAt("/desk"), Parts: []snapshot.Part{part}, NotCaptured: []kind.Gap{},
	}))
}
