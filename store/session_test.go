package store_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"dogear/kind"
	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

func known(t testing.TB, sink kind.Sink, content []byte) bool {
	t.Helper()
	answers, err := sink.Known(t.Context(), []kind.ChunkID{kind.Sum(content)})
	require.NoError(t, err)
	return answers[0]
}

func TestKnownCountsOnlyWhatIsCommittedOrOwn(t *testing.T) {
	s := storetest.Open(t)
	save(t, s, "01a", []byte("committed"))
	a, b := begin(t, s), begin(t, s)
	put(t, a.Sink(), []byte("of a"))

	require.True(t, known(t, b.Sink(), []byte("committed")))
	require.True(t, known(t, a.Sink(), []byte("of a")), "also in another sink of the session")
	require.False(t, known(t, b.Sink(), []byte("of a")), "a may be aborted yet")
	require.NoError(t, a.Abort())
	require.NoError(t, b.Abort())
}

func TestTwoSessionsWithTheSameContent(t *testing.T) {
	content := [][]byte{text(1, 2000), random(1, 800<<10)}
	for _, abort := range []bool{false, true} {
		t.Run(fmt.Sprintf("abort=%v", abort), func(t *testing.T) {
			s := storetest.Open(t)
			a, b := begin(t, s), begin(t, s)
			snapA := newSnapshot(t, a, "01a", content...)
			snapB := newSnapshot(t, b, "01b", content...)
			if abort {
				require.NoError(t, a.Abort())
			} else {
				require.NoError(t, a.Commit(t.Context(), snapA))
			}
			require.NoError(t, b.Commit(t.Context(), snapB))
			requireContent(t, s, content...)
		})
	}
}

func TestConcurrentSessions(t *testing.T) {
	s := storetest.Open(t)
	var group sync.WaitGroup
	for n := range 6 {
		group.Go(func() {
			if err := saveNumbered(s, n, ""); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	list, err := s.Snapshots(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, list, 6)
}

func TestReachIsWhatWasPutOrKnown(t *testing.T) {
	s := storetest.Open(t)
	save(t, s, "01a", []byte("old"))
	session := begin(t, s)
	sink, other := session.Sink(), session.Sink()
	put(t, sink, []byte("new"))
	put(t, sink, []byte("new"))
	put(t, other, []byte("of another part"))
	require.True(t, known(t, sink, []byte("old")))
	require.False(t, known(t, sink, []byte("unknown")))

	want := []kind.ChunkID{kind.Sum([]byte("new")), kind.Sum([]byte("old"))}
	slices.SortFunc(want, func(a, b kind.ChunkID) int { return bytes.Compare(a[:], b[:]) })
	require.Equal(t, want, sink.Reach())
	require.NoError(t, session.Abort())
}

func TestCommitRefuses(t *testing.T) {
	object := func(contents ...string) kind.Object {
		o := kind.Object{Name: "content"}
		for _, c := range contents {
			o.Chunks = append(o.Chunks, kind.Sum([]byte(c)))
		}
		return o
	}
	cases := map[string]func(t *testing.T, s *store.Store, session *store.Session) snapshot.Snapshot{
		"an id that is taken": func(t *testing.T, _ *store.Store, session *store.Session) snapshot.Snapshot {
			return newSnapshot(t, session, "01a", []byte("new"))
		},
		"an id that is a path": func(t *testing.T, _ *store.Store, session *store.Session) snapshot.Snapshot {
			return newSnapshot(t, session, "../01b", []byte("new"))
		},
		"a chunk that is not there": func(t *testing.T, _ *store.Store, session *store.Session) snapshot.Snapshot {
			snap := newSnapshot(t, session, "01b", []byte("new"))
			snap.Parts[0].Objects = append(snap.Parts[0].Objects, object("missing"))
			return snap
		},
		"a reach that is not there": func(t *testing.T, _ *store.Store, session *store.Session) snapshot.Snapshot {
			snap := newSnapshot(t, session, "01b", []byte("new"))
			snap.Parts[0].Reach = object("missing")
			return snap
		},
		"a chunk of a session that was aborted": func(t *testing.T, s *store.Store, session *store.Session) snapshot.Snapshot {
			other := begin(t, s)
			put(t, other.Sink(), []byte("of other"))
			sink := session.Sink()
			require.False(t, known(t, sink, []byte("of other")))
			snap := withObject(t, sink, "01b", object("of other"))
			require.NoError(t, other.Abort())
			return snap
		},
		"a known chunk outside the reach": func(t *testing.T, _ *store.Store, session *store.Session) snapshot.Snapshot {
			return withObject(t, session.Sink(), "01b", object("committed"))
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := storetest.Open(t)
			old := save(t, s, "01a", []byte("committed"))
			session := begin(t, s)
			require.Error(t, session.Commit(t.Context(), c(t, s, session)))
			list, err := s.Snapshots(t.Context(), "")
			require.NoError(t, err)
			require.Equal(t, []snapshot.Snapshot{old}, list)
			requireEmptyDirs(t, s, "incoming")
			require.Len(t, files(t, s, "packs"), 1)
			require.Len(t, files(t, s, "snapshots"), 1)
		})
	}
}

func TestCancelledCommitLeavesNothing(t *testing.T) {
	s := storetest.Open(t)
	session := begin(t, s)
	snap := newSnapshot(t, session, "01a", text(1, 1000))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, session.Commit(ctx, snap), context.Canceled)
	requireEmptyDirs(t, s, "incoming", "packs", "snapshots")
}

func TestCloseEndsOpenSessions(t *testing.T) {
	s := open(t)
	session := begin(t, s)
	snap := newSnapshot(t, session, "01a", random(1, 2<<20))
	s = reopen(t, s)
	requireEmptyDirs(t, s, "incoming")
	require.ErrorIs(t, session.Commit(t.Context(), snap), store.ErrEnded)
}

func TestCache(t *testing.T) {
	s := storetest.Open(t)
	id := kind.ID{Kind: "files", Name: "."}
	cache := s.Cache("one")
	require.Nil(t, cache.Load(id, "index"))
	for _, content := range []string{"old", "new", ""} {
		require.NoError(t, cache.Save(id, "index", []byte(content)))
		require.Equal(t, content, string(cache.Load(id, "index")))
	}
	require.Nil(t, s.Cache("two").Load(id, "index"))
	require.Nil(t, cache.Load(kind.ID{Kind: "files", Name: ".index"}, ""))

	require.NoError(t, cache.Save(id, "index", []byte("content")))
	require.Len(t, files(t, s, "cache"), 1)
	damage(t, files(t, s, "cache")[0], 33)
	require.Nil(t, cache.Load(id, "index"))
}
