package store_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"dogear/kind"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

// onceAt runs f at the first time that a step comes. f may come by it again.
func onceAt(s *store.Store, step string, f func()) {
	var come atomic.Bool
	s.OnStep(func(name string) {
		if name == step && come.CompareAndSwap(false, true) {
			f()
		}
	})
}

// A chunk that a session is told is there stays, also if a prune comes between
// telling and noting it: the lock that Session holds meanwhile (reaching) has
// the prune wait. Without it the prune is over before the chunk is noted.
func TestPruneWaitsForWhatIsBeingNoted(t *testing.T) {
	s := storetest.Open(t)
	wanted := random(1, 300<<10)
	save(t, s, "01a", wanted)
	drop(t, s, "01a")
	session := begin(t, s)
	sink := session.Sink()

	var pruning sync.WaitGroup
	collect := func() {
		_, err := s.Prune(t.Context(), store.PruneOptions{})
		require.NoError(t, err)
	}
	onceAt(s, "found", func() {
		if s.Reaching() {
			pruning.Go(collect)
		} else {
			collect()
		}
	})
	require.True(t, known(t, sink, wanted))
	pruning.Wait()
	object := kind.Object{Size: int64(len(wanted)), Chunks: []kind.ChunkID{kind.Sum(wanted)}}
	require.NoError(t, session.Commit(t.Context(), withObject(t, sink, "01b", object)))
	requireContent(t, s, wanted)
}

// A chunk that is moved between being looked up and being read is looked up
// again (the loop in Get).
func TestChunkThatMovesIsReadWhereItIsNow(t *testing.T) {
	s := storetest.Open(t)
	wanted := random(1, 300<<10)
	save(t, s, "01a", wanted, random(2, 2<<20))
	save(t, s, "01b", wanted)
	drop(t, s, "01a")
	onceAt(s, "located", func() { require.Equal(t, 1, prune(t, s).Rewritten) })
	requireContent(t, s, wanted)
}
