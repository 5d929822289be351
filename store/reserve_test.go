package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// On a full disk only what leads to room gets at the reserve: a deletion, its
// event, and a prune, also one that condemns more entries than the reserve
// could take the pages of in one transaction (condemnSlowly). A prune makes
// the reserve whole again.
func TestOnlyMakingRoomUsesTheReserve(t *testing.T) {
	disk := testbed.Filesystem(t, "ext4", 128<<20)
	s, err := store.Open(filepath.Join(disk, "store"), store.Options{})
	require.NoError(t, err)
	bulk := random(1, 8<<20)
	saveMany(t, s, "01b", 50_000, []byte("kept"))
	saveMany(t, s, "01a", 70_000, bulk) // between the others in the catalog
	require.NoError(t, s.Close())
	compact(t, filepath.Join(s.Dir(), "catalog.db"))
	s = storetest.OpenAt(t, s.Dir())
	event := func(op snapshot.Operation) error {
		return s.AppendEvent(t.Context(), &snapshot.Event{Operation: op, Snapshot: "01a"})
	}

	reserved := func() int64 {
		info, err := os.Stat(filepath.Join(s.Dir(), "reserve"))
		require.NoError(t, err)
		return info.Size()
	}
	whole := reserved()

	testbed.Fill(t, disk, 0)
	require.ErrorIs(t, event(snapshot.OpSave), syscall.ENOSPC)
	require.Equal(t, whole, reserved())
	require.NoError(t, event(snapshot.OpRemove))
	require.Less(t, reserved(), whole)
	testbed.Fill(t, disk, 0)
	drop(t, s, "01a")
	testbed.Fill(t, disk, 0)
	report := prune(t, s)
	require.Greater(t, report.Chunks, 70_000)
	require.Greater(t, report.Freed, int64(len(bulk)))
	requireContent(t, s, []byte("kept"))
	require.Equal(t, whole, reserved())
}

// saveMany saves small chunks and a last one.
func saveMany(t *testing.T, s *store.Store, id snapshot.ID, many int, last []byte) {
	t.Helper()
	session := begin(t, s)
	sink := session.Sink()
	for i := range many {
		put(t, sink, fmt.Append(nil, id, i))
	}
	object := kind.Object{Size: int64(len(last)), Chunks: []kind.ChunkID{put(t, sink, last)}}
	require.NoError(t, session.Commit(t.Context(), withObject(t, sink, id, object)))
}

// compact leaves a catalog no free pages, as if nothing had ever been deleted.
func compact(t *testing.T, path string) {
	t.Helper()
	from, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	to, err := bbolt.Open(path+".compact", 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, bbolt.Compact(to, from, 0))
	require.NoError(t, errors.Join(from.Close(), to.Close()))
	require.NoError(t, os.Rename(path+".compact", path))
}
