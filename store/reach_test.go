package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"dogear/kind"
	"dogear/snapshot"
	"dogear/store"
	"dogear/store/chunk"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

// saveRange saves a part of many small chunks, those from one number to another,
// with the reach that a capture would store.
func saveRange(t testing.TB, s *store.Store, id snapshot.ID, from, to int) snapshot.Part {
	t.Helper()
	session := begin(t, s)
	snap := partOf(t, session.Sink(), id, from, to)
	require.NoError(t, session.Commit(t.Context(), snap))
	return snap.Parts[0]
}

func partOf(t testing.TB, sink snapshot.PartSink, id snapshot.ID, from, to int) snapshot.Snapshot {
	t.Helper()
	object := kind.Object{Name: "content"}
	for n := from; n < to; n++ {
		object.Chunks = append(object.Chunks, put(t, sink, numberedChunk(n)))
	}
	snap := withObject(t, sink, id, object)
	var err error
	snap.Parts[0].Reach, err = sink.PutReach(t.Context(), snap.Workspace.ID, snap.Parts[0].ID)
	require.NoError(t, err)
	return snap
}

func numberedChunk(n int) []byte { return fmt.Appendf(nil, "chunk %d of many", n) }

func requireRange(t testing.TB, s *store.Store, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		requireContent(t, s, numberedChunk(n))
	}
}

// What a part keeps alive is told by what differs from the last time, and that
// keeps alive also what it is told by: the list outlives its own snapshot.
// (Fails if a prune does not keep the base's chunks, or keeps only those.)
func TestReachesAreToldByTheLastOne(t *testing.T) {
	s := open(t)
	first := saveRange(t, s, "01a", 0, 3000)
	second := saveRange(t, s, "01b", 10, 3010)
	third := saveRange(t, s, "01c", 20, 3020)
	require.Equal(t, int64(3001*32), first.Reach.Size)
	require.Less(t, second.Reach.Size, int64(2000), "20 ids, and what the base is called")
	require.Less(t, third.Reach.Size, int64(3000), "40: it is told by the first, not by the second")

	drop(t, s, "01a", "01b")
	prune(t, s)
	requireRange(t, s, 20, 3020)
	storetest.Check(t, s)

	s = reopen(t, s)
	fourth := saveRange(t, s, "01d", 30, 3030)
	require.Less(t, fourth.Reach.Size, int64(5000))
	drop(t, s, "01c")
	prune(t, s)
	requireRange(t, s, 30, 3030)
	storetest.Check(t, s)
	drop(t, s, "01d")
	prune(t, s)
	requireEmptyDirs(t, s, "packs", "incoming")
}

// What a reach says is gone is collected, and the list that says so is kept.
func TestWhatAReachNoLongerHasIsCollected(t *testing.T) {
	s := storetest.Open(t)
	session := begin(t, s)
	sink := session.Sink()
	gone := random(2, 900<<10)
	put(t, sink, gone)
	require.NoError(t, session.Commit(t.Context(), partOf(t, sink, "01a", 0, 3000)))
	last := saveRange(t, s, "01b", 10, 3010)
	require.Less(t, last.Reach.Size, int64(2000))
	drop(t, s, "01a")
	require.Equal(t, 1, prune(t, s).Rewritten)
	requireGone(t, s, gone, numberedChunk(1))
	requireRange(t, s, 10, 3010)
}

// A prune between storing a reach and the commit leaves what it is told by, also
// if all snapshots that need it are deleted meanwhile: it is noted like all that
// a session is told is there (keep).
func TestPruneLeavesWhatANewReachIsToldBy(t *testing.T) {
	s := storetest.Open(t)
	saveRange(t, s, "01a", 0, 3000)
	saveRange(t, s, "01b", 10, 3010)
	session := begin(t, s)
	snap := partOf(t, session.Sink(), "01c", 20, 3020)
	require.Less(t, snap.Parts[0].Reach.Size, int64(3000))
	drop(t, s, "01a", "01b")
	prune(t, s)
	require.NoError(t, session.Commit(t.Context(), snap))
	requireRange(t, s, 20, 3020)
}

// A list that is not whole is not built upon, and a capture goes on without it.
func TestNothingIsToldByADamagedReach(t *testing.T) {
	s := open(t)
	first := saveRange(t, s, "01a", 0, 3000)
	s = reopen(t, s)
	for _, path := range files(t, s, "packs") {
		index, _, err := chunk.OpenIndex(path)
		require.NoError(t, err)
		for _, f := range index.Frames {
			damage(t, path, f.Offset)
		}
	}
	_, err := s.Get(t.Context(), first.Reach.Chunks[0], nil)
	require.ErrorIs(t, err, store.ErrDamaged)
	_, err = s.Check(t.Context(), true)
	require.NoError(t, err)
	second := saveRange(t, s, "01b", 10, 3010)
	require.Equal(t, int64(3001*32), second.Reach.Size)
}

// A rebuilt catalog lists what is told by another list only with that list.
func TestRebuildingReadsWhatReachesAreToldBy(t *testing.T) {
	s := open(t)
	saveRange(t, s, "01a", 0, 3000)
	saveRange(t, s, "01b", 10, 3010)
	require.NoError(t, s.Close())
	require.NoError(t, os.Remove(filepath.Join(s.Dir(), "catalog.db")))
	s = storetest.OpenAt(t, s.Dir())
	requireListed(t, s, "01b", "01a")
	storetest.Check(t, s)
}
