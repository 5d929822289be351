package snapshot_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/snapshot"
	"dogear/store/storetest"
)

func take(t *testing.T, s *stage, stop func(kind.ID) bool) (*snapshot.Taken, error) {
	t.Helper()
	session, err := storetest.Open(t).Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Abort()) })
	return snapshot.Take(t.Context(), s.request(session, stop))
}

func everything(kind.ID) bool { return true }

// inOrder requires the events to have happened one after the other.
func inOrder(t *testing.T, s *stage, events ...string) {
	t.Helper()
	for i := 1; i < len(events); i++ {
		require.Less(t, s.index(t, events[i-1]), s.index(t, events[i]),
			"%q must come before %q; events: %q", events[i-1], events[i], s.events)
	}
}

func none(t *testing.T, s *stage, prefix string) {
	t.Helper()
	require.False(t, slices.ContainsFunc(s.events, func(e string) bool { return strings.HasPrefix(e, prefix) }),
		"no %q may happen; events: %q", prefix, s.events)
}

// What is written during a pass is read in another one while everything still
// runs, as long as that leaves less and less to be read while it waits. It fails
// without prepareAgain.
func TestPassesAreMadeUntilNoLessIsLeft(t *testing.T) {
	const mb = 1 << 20
	for name, c := range map[string]struct {
		stage  *stage
		passes []int64
		want   int
	}{
		"little was read":     {shop(), []int64{8 * mb}, 1},
		"it becomes little":   {shop(), []int64{900 * mb, 80 * mb, 7 * mb}, 3},
		"it becomes nothing":  {shop(), []int64{900 * mb, 0}, 2},
		"no less is left":     {shop(), []int64{900 * mb, 80 * mb, 60 * mb}, 3},
		"nothing has to wait": {newStage(kind.Item{ID: id("data/files")}), []int64{900 * mb}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c.stage.passes = c.passes
			_, err := take(t, c.stage, nil)
			require.NoError(t, err)
			made := slices.DeleteFunc(slices.Clone(c.stage.events), func(e string) bool { return e != "prepare data/files" })
			require.Len(t, made, c.want)
		})
	}
}

func TestSaveFreezesServersLast(t *testing.T) {
	s := shop()
	taken, err := take(t, s, nil)
	require.NoError(t, err)

	inOrder(t, s, "prepare data/files", "will freeze box/app", "freeze box/app", "hold server/db",
		"will freeze box/db", "freeze box/db", "take data/files", "thaw box/db", "finish data/files", "close data/files")
	inOrder(t, s, "take server/db", "thaw box/app", "finish server/db")
	none(t, s, "stop")
	require.Equal(t, map[kind.ID]string{id("box/app"): "running", id("box/db"): "running"}, s.running)
	require.Empty(t, taken.Stopped())

	for part, want := range map[string]snapshot.Consistency{
		"data/files": snapshot.Frozen, "box/app": snapshot.Frozen, "server/db": snapshot.Transaction,
	} {
		p, ok := taken.Snapshot.Part(id(part))
		require.True(t, ok, part)
		require.Equal(t, want, p.Consistency, part)
	}
	require.Equal(t, snapshot.Transaction, taken.Snapshot.Consistency, "the weakest")
	n := len(taken.Snapshot.Parts)
	require.Equal(t, int64(10*n), taken.Snapshot.Bytes.Read)
	require.Equal(t, kind.Delta{Cloned: n, Copied: 2 * n, Pinned: 3 * n}, taken.Snapshot.Delta, "how all parts were kept")
	require.Equal(t, []kind.Pattern{"base"}, taken.Snapshot.Parts[2].Claimed)
}

func TestPauseCapturesAfterTheStop(t *testing.T) {
	s := shop()
	taken, err := take(t, s, everything)
	require.NoError(t, err)

	inOrder(t, s, "will stop box/app", "stop box/app", "hold server/db", "finish server/db", "stop box/db", "take data/files")
	none(t, s, "freeze")
	none(t, s, "thaw")
	none(t, s, "resume")
	require.Equal(t, []kind.ID{id("box/app"), id("box/db")}, taken.Stopped())

	data, _ := taken.Snapshot.Part(id("data/files"))
	require.Equal(t, snapshot.Stopped, data.Consistency)
}

// TestWhatIsForeseenIsStoredBeforeAnythingStops, and again only if it did not come
// true. Nobody waits for that in a save, where all goes on before it is stored.
func TestWhatIsForeseenIsStoredBeforeAnythingStops(t *testing.T) {
	for _, moved := range []bool{false, true} {
		s := shop()
		s.seer, s.moved = true, moved
		taken, err := take(t, s, everything)
		require.NoError(t, err)
		inOrder(t, s, "prepare data/files", "foresee data/files", "stop box/app", "take data/files")
		data, _ := taken.Snapshot.Part(id("data/files"))
		require.Equal(t, snapshot.Stopped, data.Consistency)
		if moved {
			require.EqualValues(t, 1, data.Facts.Count)
			inOrder(t, s, "take data/files", "finish data/files")
		} else {
			require.EqualValues(t, 2, data.Facts.Count, "those of what was foreseen")
			none(t, s, "finish data/files")
		}
	}
	s := shop()
	s.seer = true
	_, err := take(t, s, nil)
	require.NoError(t, err)
	none(t, s, "foresee")
}

// TestNeighboursAreFrozen also in a pause, which stops nothing of theirs:
// what they write to would be taken in the middle of a write.
func TestNeighboursAreFrozen(t *testing.T) {
	for name, stop := range map[string]func(kind.ID) bool{"save": nil, "pause": everything} {
		t.Run(name, func(t *testing.T) {
			s := shop()
			s.running[id("box/other")] = "running"
			s.beside = []kind.Neighbour{{ID: id("box/other"), Needs: []kind.ID{id("data/files")}, Why: "shares data"}}
			taken, err := take(t, s, stop)
			require.NoError(t, err)

			inOrder(t, s, "will freeze box/other", "freeze box/other", "take data/files", "thaw box/other")
			require.Equal(t, "running", s.running[id("box/other")])
			require.NotContains(t, taken.Stopped(), id("box/other"))
			require.Contains(t, taken.Snapshot.NotCaptured, kind.Gap{Part: id("box/other"), What: "all of it", Why: "shares data"})
			data, _ := taken.Snapshot.Part(id("data/files"))
			require.Equal(t, snapshot.Frozen, data.Consistency, "one who writes to it was not stopped")
		})
	}
}

func TestRevertStartsAgainInOrder(t *testing.T) {
	s := shop()
	taken, err := take(t, s, everything)
	require.NoError(t, err)
	require.NoError(t, taken.Revert(t.Context()))
	inOrder(t, s, "resume box/db", "resume box/app")
}

func TestWhatStoppingWouldLoseStopsAfterTheCommit(t *testing.T) {
	s := shop()
	s.fragile = id("box/app")
	taken, err := take(t, s, everything)
	require.NoError(t, err)
	require.Equal(t, "frozen", s.running[id("box/app")])
	inOrder(t, s, "freeze box/app", "hold server/db", "stop box/db", "take box/app", "finish box/app")
	none(t, s, "thaw")

	app, _ := taken.Snapshot.Part(id("box/app"))
	require.Equal(t, snapshot.Frozen, app.Consistency)
	require.NoError(t, taken.Settle(t.Context()))
	require.Equal(t, "stopped", s.running[id("box/app")])
}

// What would restart the others when they do not answer is frozen and stopped
// before them, and thawed after them (D16). Without that order it acts at once.
func TestWatchersFirst(t *testing.T) {
	for what, c := range map[string]struct {
		stop   func(kind.ID) bool
		events []string
	}{
		"save":  {nil, []string{"freeze box/nurse", "freeze box/app", "freeze box/db", "thaw box/app", "thaw box/nurse"}},
		"pause": {everything, []string{"stop box/nurse", "stop box/app", "stop box/db"}},
	} {
		t.Run(what, func(t *testing.T) {
			s := shop()
			s.items = append(s.items, kind.Item{ID: id("box/nurse")})
			s.running[id("box/nurse")] = "running"
			s.watcher = id("box/nurse")
			// Whoever does not wait for it is done before it is.
			s.onEvent["freeze box/nurse"] = func() {
				for deadline := time.Now().Add(50 * time.Millisecond); !s.happened("freeze box/app") && time.Now().Before(deadline); {
					runtime.Gosched()
				}
			}
			_, err := take(t, s, c.stop)
			require.NoError(t, err)
			inOrder(t, s, c.events...)
		})
	}
}

// What others thaw between the capture and the commit goes on writing, and
// stopping it would lose that: it is left running.
func TestWhatOthersThawedIsNotStopped(t *testing.T) {
	s := shop()
	s.fragile = id("box/app")
	taken, err := take(t, s, everything)
	require.NoError(t, err)
	s.running[id("box/app")] = "running"
	require.ErrorContains(t, taken.Settle(t.Context()), "box/app: somebody else thawed")
	require.Equal(t, "running", s.running[id("box/app")])
}

func TestAServerInAFragileBoxIsAskedBeforeItsBoxIsFrozen(t *testing.T) {
	s := shop()
	s.fragile = id("box/db")
	_, err := take(t, s, everything)
	require.NoError(t, err)
	inOrder(t, s, "stop box/app", "hold server/db", "finish server/db", "freeze box/db", "take data/files")
}

// Whatever fails, nothing stays frozen or stopped, and every capture is
// closed.
func TestFailureLeavesEverythingRunning(t *testing.T) {
	events := []string{
		"prepare data/files", "will freeze box/db", "freeze box/app", "freeze box/db", "hold server/db", "take data/files", "finish data/files", "close data/files",
	}
	stops := []string{"will stop box/db", "stop box/app", "stop box/db", "hold server/db", "finish server/db", "take data/files", "finish data/files", "close data/files"}
	for mode, c := range map[string]struct {
		failures []string
		stop     func(kind.ID) bool
	}{"save": {events, nil}, "pause": {stops, everything}} {
		for _, failure := range c.failures {
			t.Run(mode+"/"+failure, func(t *testing.T) {
				s := shop()
				s.failAt = failure
				_, err := take(t, s, c.stop)
				require.ErrorContains(t, err, failure+" goes wrong")
				require.Equal(t, map[kind.ID]string{id("box/app"): "running", id("box/db"): "running"}, s.running)
				for _, it := range s.items {
					s.index(t, "close "+it.ID.String())
				}
				if frozen, ok := strings.CutPrefix(failure, "freeze "); ok {
					s.index(t, "thawed "+frozen) // or it would count as frozen for good
				}
			})
		}
	}
}

func TestARestartInBetweenRepeatsTheRound(t *testing.T) {
	s := shop()
	times := 0
	s.onEvent["take data/files"] = func() {
		if times++; times < 3 {
			s.mu.Lock()
			s.runs[id("box/app")]++
			s.mu.Unlock()
		}
	}
	_, err := take(t, s, nil)
	require.NoError(t, err)
	require.Equal(t, 3, times)

	s = shop()
	s.onEvent["take data/files"] = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.runs[id("box/app")]++
	}
	_, err = take(t, s, nil)
	require.ErrorContains(t, err, "box/app")
	require.Equal(t, "running", s.running[id("box/app")])
}

// What was stopped and somebody else has started again while it was captured has
// written meanwhile: it is no stopped state. It fails without assertStopped.
func TestAStartInBetweenRepeatsTheRound(t *testing.T) {
	s := shop()
	times := 0
	s.onEvent["take data/files"] = func() {
		if times++; times < 3 {
			s.mu.Lock()
			s.running[id("box/db")] = "running"
			s.mu.Unlock()
		}
	}
	_, err := take(t, s, everything)
	require.NoError(t, err)
	require.Equal(t, 3, times)
	require.Equal(t, "stopped", s.running[id("box/db")])
}

func TestWhatNeverHoldsStillIsLive(t *testing.T) {
	s := newStage(kind.Item{ID: id("data/files")})
	s.restless = true
	taken, err := take(t, s, nil)
	require.NoError(t, err)
	require.Equal(t, snapshot.Live, taken.Snapshot.Consistency)
	require.Equal(t, []kind.Gap{{Part: id("data/files"), What: "base", Why: "it never held still"}}, taken.Snapshot.NotCaptured)
}

// What lies in a tree is written to by what writes to that: nothing changes it
// while those are frozen, though none of them names it (whereIs).
func TestWhatLiesInATreeIsFrozenWithIt(t *testing.T) {
	inner := kind.Item{ID: id("data/inner"), Needs: []kind.ID{id("data/files")}, Claims: []kind.Claim{{On: id("data/files"), Paths: []kind.Pattern{"inner"}}}}
	app := kind.Item{ID: id("box/app"), Needs: []kind.ID{id("data/files")}}
	for name, c := range map[string]struct {
		items []kind.Item
		stop  func(kind.ID) bool
		want  snapshot.Consistency
	}{
		"frozen":      {[]kind.Item{{ID: id("data/files")}, app, inner}, nil, snapshot.Frozen},
		"stopped":     {[]kind.Item{{ID: id("data/files")}, app, inner}, everything, snapshot.Stopped},
		"on the host": {[]kind.Item{{ID: id("data/files"), Root: "/stage"}, app, inner}, nil, snapshot.Live},
	} {
		t.Run(name, func(t *testing.T) {
			taken, err := take(t, newStage(c.items...), c.stop)
			require.NoError(t, err)
			part, ok := taken.Snapshot.Part(inner.ID)
			require.True(t, ok)
			require.Equal(t, c.want, part.Consistency)
		})
	}
}

func TestACancelledCaptureThaws(t *testing.T) {
	s := shop()
	ctx, cancel := context.WithCancel(t.Context())
	s.onEvent["take data/files"] = cancel
	session, err := storetest.Open(t).Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Abort()) }()
	_, err = snapshot.Take(ctx, s.request(session, nil))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "running", s.running[id("box/app")])
}

func TestTheSameStateHasTheSameDigest(t *testing.T) {
	one, err := take(t, shop(), nil)
	require.NoError(t, err)
	two, err := take(t, shop(), everything)
	require.NoError(t, err)
	require.Equal(t, one.Snapshot.State, two.Snapshot.State)

	other, err := take(t, newStage(kind.Item{ID: id("data/files")}), nil)
	require.NoError(t, err)
	require.NotEqual(t, one.Snapshot.State, other.Snapshot.State)
}
