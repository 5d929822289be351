package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"dogear/internal/content"
	"dogear/kind"
	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

func prune(t testing.TB, s *store.Store) store.PruneReport {
	t.Helper()
	report, err := s.Prune(t.Context(), store.PruneOptions{})
	require.NoError(t, err)
	require.Empty(t, report.Problems)
	return report
}

func drop(t testing.TB, s *store.Store, ids ...snapshot.ID) {
	t.Helper()
	require.NoError(t, s.Delete(t.Context(), ids...))
}

func requireGone(t testing.TB, s *store.Store, contents ...[]byte) {
	t.Helper()
	for _, c := range contents {
		_, err := s.Get(t.Context(), kind.Sum(c), nil)
		require.ErrorIs(t, err, store.ErrNotFound)
	}
}

// packBytes returns the sizes of all packs.
func packBytes(t testing.TB, s *store.Store) (total int64) {
	t.Helper()
	for _, path := range files(t, s, "packs") {
		info, err := os.Stat(path)
		require.NoError(t, err)
		total += info.Size()
	}
	return total
}

func TestPruneCollectsWhatNobodyNeeds(t *testing.T) {
	s := storetest.Open(t)
	shared, garbage, own := random(1, 300<<10), random(2, 900<<10), random(3, 10<<10)
	save(t, s, "01a", shared, garbage)
	save(t, s, "01b", shared, own)
	require.Equal(t, store.PruneReport{Kept: 2}, prune(t, s), "all of it is needed")

	drop(t, s, "01a")
	before := packBytes(t, s)
	planned, err := s.Prune(t.Context(), store.PruneOptions{DryRun: true})
	require.NoError(t, err)
	require.Equal(t, before, packBytes(t, s))
	requireContent(t, s, garbage)

	report := prune(t, s)
	require.Equal(t, 2, report.Chunks) // the content, and the list of it
	require.Equal(t, []int{0, 1, 1}, []int{report.Removed, report.Rewritten, report.Kept})
	require.Equal(t, before-packBytes(t, s), report.Freed)
	require.Greater(t, report.Freed, int64(900<<10))
	require.InDelta(t, report.Freed, planned.Freed, 4<<10)
	planned.Freed = report.Freed
	require.Equal(t, planned, report)
	requireGone(t, s, garbage)
	requireContent(t, s, shared, own)
	require.Equal(t, store.PruneReport{Kept: 2}, prune(t, s))

	drop(t, s, "01b")
	report = prune(t, s)
	require.Equal(t, 2, report.Removed)
	requireEmptyDirs(t, s, "packs", "incoming")
	save(t, s, "01c", garbage)
	requireContent(t, s, garbage)
}

// TestPruneKeepsWhatLongListsNeed: the chunks that list chunks are in no reach
// but that of an object, and the reach itself is in none.
func TestPruneKeepsWhatLongListsNeed(t *testing.T) {
	s := storetest.Open(t)
	session := begin(t, s)
	put(t, session.Sink(), random(1, 8<<20)) // garbage from the beginning, so that the pack is rewritten
	sink := session.Sink()
	object, err := content.PutList(t.Context(), sink, "list", bytes.NewReader(random(2, 2<<20)))
	require.NoError(t, err)
	for i := range 3000 {
		put(t, sink, fmt.Append(nil, i))
	}
	snap := withObject(t, sink, "01b", object)
	reach, err := content.PutList(t.Context(), session.Sink(), "reach", bytes.NewReader(content.Encode(sink.Reach())))
	require.NoError(t, err)
	require.True(t, object.Listed && reach.Listed)
	snap.Parts[0].Reach = reach
	require.NoError(t, session.Commit(t.Context(), snap))
	require.Equal(t, 1, prune(t, s).Rewritten)
	storetest.Check(t, s)

	session = begin(t, s)
	sink = session.Sink()
	for _, id := range object.Chunks {
		_, err := sink.Known(t.Context(), []kind.ChunkID{id})
		require.NoError(t, err)
	}
	err = session.Commit(t.Context(), withObject(t, sink, "01c", object))
	require.ErrorContains(t, err, "not in the part's reach", "what is listed has to be in it as well")
}

func TestPacksThatAreMostlyNeededStay(t *testing.T) {
	s := storetest.Open(t)
	shared, garbage := random(1, 600<<10), random(2, 300<<10)
	save(t, s, "01a", shared, garbage)
	save(t, s, "01b", shared)
	drop(t, s, "01a")
	require.Equal(t, store.PruneReport{Kept: 2}, prune(t, s))
	requireContent(t, s, shared, garbage) // and whoever captures it again has it
}

func TestPruneLeavesWhatASessionWasToldIsThere(t *testing.T) {
	s := storetest.Open(t)
	contents := [][]byte{random(1, 600<<10), random(2, 600<<10), random(3, 2<<20)}
	save(t, s, "01a", contents...)
	session := begin(t, s)
	sink := session.Sink()
	require.True(t, known(t, sink, contents[0]))
	object := kind.Object{Name: "content", Chunks: []kind.ChunkID{kind.Sum(contents[0]), put(t, sink, contents[1])}}
	drop(t, s, "01a")
	report := prune(t, s)
	require.Equal(t, []int{2, 0}, []int{report.Chunks, report.Kept})

	requireContent(t, session, contents[:2]...)
	requireGone(t, s, contents[2])
	require.NoError(t, session.Commit(t.Context(), withObject(t, sink, "01b", object)))
	prune(t, s)
	requireContent(t, s, contents[:2]...)
}

// TestCaptureBesideAPrune lets a capture begin, and another end, at each moment
// of a prune, with content that the prune is just collecting.
func TestCaptureBesideAPrune(t *testing.T) {
	for _, step := range []string{"condemned", "packs placed", "replaced", "unlinked"} {
		t.Run(step, func(t *testing.T) {
			s := storetest.Open(t)
			kept, garbage := random(1, 100<<10), random(2, 900<<10)
			save(t, s, "01a", kept, garbage)
			save(t, s, "01b", kept)
			drop(t, s, "01a")
			other := begin(t, s)
			sink := other.Sink()
			object := kind.Object{Name: "content", Chunks: []kind.ChunkID{put(t, sink, random(3, 100))}}
			began := false
			s.OnStep(func(name string) {
				if name != step || began {
					return
				}
				began = true
				require.False(t, known(t, sink, garbage), "it is condemned")
				require.True(t, known(t, sink, kept))
				object.Chunks = append(object.Chunks, put(t, sink, garbage), kind.Sum(kept))
				if step != "packs placed" { // within which nobody can commit
					require.NoError(t, other.Commit(t.Context(), withObject(t, sink, "01c", object)))
				}
			})
			require.Equal(t, 1, prune(t, s).Rewritten)
			require.True(t, began)
			if step == "packs placed" {
				require.NoError(t, other.Commit(t.Context(), withObject(t, sink, "01c", object)))
			}
			drop(t, s, "01b")
			prune(t, s)
			requireContent(t, s, kept, garbage, random(3, 100))
		})
	}
}

// TestCaptureAfterThePlan is told that what is about to be condemned is there.
func TestCaptureAfterThePlan(t *testing.T) {
	for _, commit := range []bool{false, true} {
		s := storetest.Open(t)
		garbage := random(2, 900<<10)
		save(t, s, "01a", garbage)
		drop(t, s, "01a")
		session := begin(t, s)
		sink := session.Sink()
		var snap snapshot.Snapshot
		s.OnStep(func(name string) {
			if name != "planned" {
				return
			}
			require.True(t, known(t, sink, garbage))
			snap = withObject(t, sink, "01b", kind.Object{Chunks: []kind.ChunkID{kind.Sum(garbage)}})
			if commit {
				require.NoError(t, session.Commit(t.Context(), snap))
			}
		})
		require.Equal(t, store.PruneReport{Kept: 1}, prune(t, s))
		if !commit {
			require.NoError(t, session.Commit(t.Context(), snap))
		}
		requireContent(t, s, garbage)
	}
}

func TestDamagedPacksStay(t *testing.T) {
	s := open(t)
	for _, n := range []int{1, 2} {
		id := snapshot.ID(fmt.Sprint("01-", n))
		save(t, s, id, text(n, 5000), text(n+10, 600<<10), random(uint64(n), 100<<10), random(uint64(n+10), 2<<20))
		save(t, s, id+"-next", text(n, 5000), text(n+10, 600<<10), random(uint64(n), 100<<10))
	}
	s = reopen(t, s) // nothing is in memory
	broken := ""
	for _, path := range files(t, s, "packs") {
		if info, err := os.Stat(path); err == nil && info.Size() > 1<<20 {
			broken = path
			for at := int64(100); at < info.Size()-4<<10; at += 20 << 10 { // in every frame
				damage(t, path, at)
			}
			break
		}
	}
	drop(t, s, "01-1", "01-2")
	report, err := s.Prune(t.Context(), store.PruneOptions{})
	require.NoError(t, err)
	require.Len(t, report.Problems, 1)
	require.Contains(t, broken, report.Problems[0].Where)
	require.Equal(t, 1, report.Rewritten)
	require.FileExists(t, broken)
	storetest.CheckStructure(t, s)
}

func TestHoldKeepsADeletedSnapshot(t *testing.T) {
	s := storetest.Open(t)
	content := random(1, 10<<10)
	save(t, s, "01a", content)
	release := s.Hold("01a")
	s.Hold("none")()
	drop(t, s, "01a")
	require.Zero(t, prune(t, s).Removed)
	requireContent(t, s, content)
	release()
	require.Equal(t, 1, prune(t, s).Removed)
	requireGone(t, s, content)
}

func TestPruneKilledAtAnyStep(t *testing.T) {
	for _, step := range []string{"condemned", "packs placed", "replaced", "unlinked"} {
		t.Run(step, func(t *testing.T) {
			s := open(t)
			for n := range 4 {
				require.NoError(t, saveNumbered(s, n, ""))
			}
			big := random(77, 2<<20)
			save(t, s, "01a", big, text(1, 30<<10))
			drop(t, s, "01a", numberedID(0), numberedID(2))
			require.NoError(t, s.Close())
			requireKilled(t, childProcess(s.Dir(), "prune "+step).Run())

			s = storetest.OpenAt(t, s.Dir())
			requireEmptyDirs(t, s, "incoming")
			storetest.Check(t, s)
			requireListed(t, s, numberedID(3), numberedID(1))
			requireContent(t, s, numbered(1)...)
			requireContent(t, s, numbered(3)...)
			prune(t, s)
			requireGone(t, s, big)
			requireContent(t, s, numbered(1)...)
			requireContent(t, s, numbered(3)...)
			require.Less(t, packBytes(t, s), int64(1700<<10), "the space is found again")
			require.NoError(t, saveNumbered(s, 5, ""))
		})
	}
}

func TestPruneRemovesNothingInDoubt(t *testing.T) {
	cases := map[string]func(t *testing.T, s *store.Store){
		"a missing pack":    func(t *testing.T, s *store.Store) { require.NoError(t, os.Remove(packOf(t, s, "01b"))) },
		"a damaged pack":    func(t *testing.T, s *store.Store) { damage(t, packOf(t, s, "01b"), 1) },
		"a damaged list":    func(t *testing.T, s *store.Store) { damage(t, packOf(t, s, "01b"), 700<<10+200) },
		"a damaged record":  unlistAndDamage,
		"a cancelled prune": nil,
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			save(t, s, "01a", random(1, 3000))
			save(t, s, "01b", random(2, 700<<10))
			save(t, s, "01c", random(3, 3000))
			drop(t, s, "01a")
			ctx, cancel := context.WithCancel(t.Context())
			if spoil == nil {
				cancel()
			} else {
				spoil(t, s)
				s = reopen(t, s)
			}
			before := files(t, s, "packs")
			_, err := s.Prune(ctx, store.PruneOptions{})
			require.Error(t, err)
			require.Equal(t, before, files(t, s, "packs"))
			requireContent(t, s, random(3, 3000))
			cancel()
		})
	}
}

// packOf returns the pack that the snapshot's content is in: each of these has
// its own.
func packOf(t testing.TB, s *store.Store, id snapshot.ID) string {
	t.Helper()
	for _, path := range files(t, s, "packs") {
		info, err := os.Stat(path)
		require.NoError(t, err)
		if info.Size() > 600<<10 {
			return path
		}
	}
	require.Fail(t, "no pack", id)
	return ""
}

// unlistAndDamage makes a snapshot that is not listed since its record cannot
// be read.
func unlistAndDamage(t *testing.T, s *store.Store) {
	require.NoError(t, os.Remove(filepath.Join(s.Dir(), "catalog.db")))
	damage(t, filepath.Join(s.Dir(), "snapshots", "01b.json"), 200)
}

// TestEverythingAtOnce captures, reads, deletes and prunes at the same time.
func TestEverythingAtOnce(t *testing.T) {
	s := storetest.Open(t)
	var group sync.WaitGroup
	fail := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	for worker := range 3 {
		group.Go(func() {
			for n := range 12 {
				fail(workOn(t, s, worker, n))
			}
		})
	}
	stop := make(chan struct{})
	pruner := make(chan error)
	go func() {
		var errs []error
		for {
			select {
			case <-stop:
				pruner <- errors.Join(errs...)
				return
			default:
			}
			_, err := s.Prune(t.Context(), store.PruneOptions{})
			errs = append(errs, err)
		}
	}()
	group.Wait()
	close(stop)
	fail(<-pruner)
	requireListed(t, s, []snapshot.ID{}...)
	prune(t, s)
	requireEmptyDirs(t, s, "packs", "incoming")
}

// workOn saves a snapshot that has something in common with those of other
// workers, reads it while it is held and deleted, and lets it go.
func workOn(t *testing.T, s *store.Store, worker, n int) (err error) {
	f := &failure{TB: t}
	defer func() {
		if recover() != nil {
			err = f.err
		}
	}()
	contents := [][]byte{text(n, 20<<10), random(uint64(n), 40<<10), random(uint64(n/3), 600<<10), fmt.Append(nil, worker, n)}
	id := snapshot.ID(fmt.Sprintf("%02d-%d", n, worker))
	save(f, s, id, contents...)
	release := s.Hold(id)
	defer release()
	requireContent(f, s, contents...)
	drop(f, s, id)
	requireContent(f, s, contents...)
	return nil
}
