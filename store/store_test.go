package store_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"dogear/kind"
	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

// random returns n bytes that do not compress, the same for the same seed.
func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	_, _ = src.Read(b)
	return b
}

// text returns n bytes that compress well.
func text(seed, n int) []byte {
	line := fmt.Sprintf("a line of text number %d\n", seed)
	return bytes.Repeat([]byte(line), n/len(line)+1)[:n]
}

func put(t testing.TB, sink kind.Sink, content []byte) kind.ChunkID {
	t.Helper()
	id, err := sink.Put(context.Background(), content)
	require.NoError(t, err)
	require.Equal(t, kind.Sum(content), id)
	return id
}

// newSnapshot puts each content as a chunk of the one part of a snapshot.
func newSnapshot(t testing.TB, session *store.Session, id snapshot.ID, contents ...[]byte) snapshot.Snapshot {
	t.Helper()
	sink := session.Sink()
	object := kind.Object{Name: "content"}
	for _, c := range contents {
		object.Chunks = append(object.Chunks, put(t, sink, c))
		object.Size += int64(len(c))
	}
	return withObject(t, sink, id, object)
}

// withObject returns a snapshot of one part that consists of one object.
func withObject(t testing.TB, sink snapshot.PartSink, id snapshot.ID, object kind.Object) snapshot.Snapshot {
	t.Helper()
	var reach []byte
	for _, c := range sink.Reach() {
		reach = append(reach, c[:]...)
	}
	part := snapshot.Part{
		Part:  kind.Part{ID: kind.ID{Kind: "files", Name: "."}, Objects: []kind.Object{object}},
		Reach: kind.Object{Name: "reach", Size: int64(len(reach)), Chunks: []kind.ChunkID{put(t, sink, reach)}},
	}
	return snapshot.Snapshot{
		ID: id, Reason: snapshot.ReasonSave, Workspace: snapshot.Workspace{ID: "0123456789abcdef", Root: "/desk"},
		Created: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Parts: []snapshot.Part{part}, NotCaptured: []kind.Gap{},
	}
}

func save(t testing.TB, s *store.Store, id snapshot.ID, contents ...[]byte) snapshot.Snapshot {
	t.Helper()
	session := begin(t, s)
	snap := newSnapshot(t, session, id, contents...)
	require.NoError(t, session.Commit(t.Context(), snap))
	return snap
}

func begin(t testing.TB, s *store.Store) *store.Session {
	t.Helper()
	session, err := s.Begin(t.Context())
	require.NoError(t, err)
	return session
}

func requireContent(t testing.TB, source kind.Source, contents ...[]byte) {
	t.Helper()
	for _, want := range contents {
		have, err := source.Get(context.Background(), kind.Sum(want), nil)
		require.NoError(t, err)
		require.Equal(t, len(want), len(have))
		require.Equal(t, kind.Sum(want), kind.Sum(have))
	}
}

func reopen(t testing.TB, s *store.Store) *store.Store {
	t.Helper()
	require.NoError(t, s.Close())
	again, err := store.Open(s.Dir(), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, again.Close()) })
	return again
}

func newDir(t testing.TB) string { return filepath.Join(t.TempDir(), "store") }

func open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(newDir(t), store.Options{})
	require.NoError(t, err)
	return s
}

func TestCommittedContentSurvivesReopening(t *testing.T) {
	s := open(t)
	contents := [][]byte{{}, []byte("a"), text(1, 3000), text(2, 2<<20), random(1, 5000), random(2, 600<<10), random(3, 3<<20)}
	snap := save(t, s, "01a", contents...)
	requireContent(t, s, contents...)

	s = reopen(t, s)
	requireContent(t, s, contents...)
	list, err := s.Snapshots(t.Context(), snap.Workspace.ID)
	require.NoError(t, err)
	require.Equal(t, []snapshot.Snapshot{snap}, list)
	workspaces, err := s.Workspaces(t.Context())
	require.NoError(t, err)
	require.Equal(t, []snapshot.Workspace{snap.Workspace}, workspaces)
	storetest.Check(t, s)
}

func TestSnapshotsAreListedNewestFirst(t *testing.T) {
	s := storetest.Open(t)
	for _, id := range []snapshot.ID{"01b", "01a", "01c"} {
		save(t, s, id, []byte(id))
	}
	list, err := s.Snapshots(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []snapshot.ID{"01c", "01b", "01a"}, []snapshot.ID{list[0].ID, list[1].ID, list[2].ID})

	list, err = s.Snapshots(t.Context(), "another workspace")
	require.NoError(t, err)
	require.Empty(t, list)
	_, err = s.Snapshot(t.Context(), "01d")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestSameContentIsStoredOnce(t *testing.T) {
	s := storetest.Open(t)
	content := random(1, 4<<20)
	save(t, s, "01a", content)

	session := begin(t, s)
	snap := newSnapshot(t, session, "01b", content, content)
	require.NoError(t, session.Commit(t.Context(), snap))
	require.Less(t, session.Added(), int64(1000))
}

func TestSessionReadsWhatItPut(t *testing.T) {
	s := storetest.Open(t)
	session := begin(t, s)
	var contents [][]byte
	for i := range 40 {
		contents = append(contents, random(uint64(i), 40<<10), text(i, 10<<10), text(i, 700<<10))
	}
	snap := newSnapshot(t, session, "01a", contents...)
	requireContent(t, session, contents...)
	_, err := s.Get(t.Context(), kind.Sum(contents[0]), nil)
	require.ErrorIs(t, err, store.ErrNotFound)

	require.NoError(t, session.Commit(t.Context(), snap))
	requireContent(t, session, contents...)
	requireContent(t, s, contents...)
}

func TestAbortLeavesNothing(t *testing.T) {
	s := storetest.Open(t)
	session := begin(t, s)
	snap := newSnapshot(t, session, "01a", random(1, 3<<20), text(1, 100))
	require.NoError(t, session.Abort())
	require.NoError(t, session.Abort())
	require.ErrorIs(t, session.Commit(t.Context(), snap), store.ErrEnded)
	requireEmptyDirs(t, s, "incoming", "packs", "snapshots")
}

func requireEmptyDirs(t testing.TB, s *store.Store, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		entries, err := os.ReadDir(filepath.Join(s.Dir(), dir))
		require.NoError(t, err)
		require.Empty(t, entries, dir)
	}
}
