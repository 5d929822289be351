package restore_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/kind/files"
	"dogear/kind/git"
	"dogear/restore"
	"dogear/snapshot"
)

func TestRunBringsBackAndProves(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	before, err := os.Stat(d.path("kept"))
	require.NoError(t, err)
	d.wreck()
	wrecked := d.save()

	req, told := d.request(saved), 0
	req.Secured = func(snapshot.ID) {
		told++
		require.FileExists(t, d.journal(), "the plan is on disk before the first step")
		require.Equal(t, "by mistake", d.read("changed"))
	}
	out, err := restore.Run(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, 1, told)
	require.True(t, out.Receipt.Identical)
	require.Equal(t, saved.State, out.Receipt.Want)
	require.Equal(t, saved.State, out.Receipt.Have)
	require.Empty(t, out.Unhealthy)
	require.Equal(t, "patch", out.Receipt.Parts[0].Method)
	d.is(saved)
	d.noJournal()
	after, err := os.Stat(d.path("kept"))
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "what was right is not touched")

	safety, err := d.store.Snapshot(t.Context(), out.Receipt.Safety)
	require.NoError(t, err)
	require.Equal(t, wrecked.State, safety.State, "the safety snapshot is the state before")
	_, err = restore.Run(t.Context(), d.request(safety))
	require.NoError(t, err)
	d.is(wrecked)
}

func TestRunWithNothingToDoTouchesNothing(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	plan, err := restore.MakePlan(t.Context(), d.request(saved))
	require.NoError(t, err)
	require.Equal(t, kind.ActionNone, plan.Steps[0].Action)
	require.Empty(t, plan.Stop)
	require.Zero(t, plan.Bytes)

	out, err := restore.Run(t.Context(), d.request(saved))
	require.NoError(t, err)
	require.True(t, out.Receipt.Identical)
	require.Equal(t, "none", out.Receipt.Parts[0].Method)
	require.Equal(t, "identical", out.Receipt.Parts[0].AtRest)
	require.Equal(t, "identical", out.Receipt.Parts[0].Running)
}

// With nothing to do the target is the state before, and no other is saved
// (confirm); of what is only a part of a snapshot that cannot be said.
func TestRunWithNothingToDoNeedsNoSafetySnapshot(t *testing.T) {
	for name, sel := range map[string]restore.Selection{
		"all":  {},
		"some": {Only: func(kind.ID) bool { return true }},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			saved := d.save()
			done := 0
			req := d.request(saved)
			req.Select, req.Done = sel, func(restore.Outcome) error { done++; return nil }

			out, err := restore.Run(t.Context(), req)
			require.NoError(t, err)
			require.True(t, out.Receipt.Identical)
			require.Equal(t, saved.State, out.Receipt.Have)
			require.Equal(t, 1, done)
			all, err := d.store.Snapshots(t.Context(), "")
			require.NoError(t, err)
			require.Equal(t, name == "all", out.Receipt.Safety == saved.ID)
			require.Equal(t, name == "all", len(all) == 1)
			d.noJournal()
		})
	}
}

// All that is asked of a tree in one look is answered from one walk through it
// (Shared), for each of which the stat index is loaded.
func TestATreeIsWalkedOnceInALook(t *testing.T) {
	d := newDesk(t)
	cache := &countingCache{Cache: d.ws.Cache}
	d.ws.Cache = cache
	saved := d.save()
	walks := func() int {
		cache.loads = 0
		_, err := restore.Run(t.Context(), d.request(saved))
		require.NoError(t, err)
		return cache.loads
	}
	require.Equal(t, 1, walks(), "to plan and to prove")
	d.wreck()
	require.Equal(t, 3, walks(), "to plan and to save, to restore what is as it was saved, to prove")
}

// What is the same is not written out as facts to be compared: a driver knows
// that all bytes are (isAtRest), and a digest that all facts are (sameDigest).
func TestFactsAreReadOnlyWhereSomethingDiffers(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	told := &telling{Driver: files.New()}
	d.driver = told
	facts := &counting{Source: d.store, id: saved.Parts[0].Facts.Object.Chunks[0]}
	req := d.request(saved)
	req.Source = facts
	for _, wrecked := range []bool{false, true} {
		if wrecked {
			d.wreck()
		}
		out, err := restore.Run(t.Context(), req)
		require.NoError(t, err)
		require.True(t, out.Receipt.Identical)
		require.Zero(t, told.rests)
		require.Zero(t, facts.gets)
	}
	told.spoils = d.path("kept")
	d.wreck()
	out, err := restore.Run(t.Context(), req)
	require.NoError(t, err)
	require.False(t, out.Receipt.Identical)
	require.Equal(t, 1, told.rests)
	require.Equal(t, 1, facts.gets)
}

// telling is the driver for files. It counts how often it is asked for rest
// facts, and can spoil a file that it restores.
// What was read to be checked is written from what was kept of it: a chunk of a
// file, and of a file of a database only the pages that differ. Fails without
// stage.
func TestContentThatWasCheckedIsNotReadAgain(t *testing.T) {
	d := newDesk(t)
	d.write("app.db", strings.Repeat("a page of a database", 100<<10))
	saved := d.save()
	d.wreck()
	d.write("app.db", d.read("app.db")[:70000]+"changed"+d.read("app.db")[70007:])
	req := d.request(saved)
	plan, err := restore.MakePlan(t.Context(), req)
	require.NoError(t, err)
	step := plan.Steps[0]
	require.Len(t, step.Pieces, 1)
	require.EqualValues(t, 8<<10, step.Pieces[0].Length)
	require.Contains(t, step.Chunks, step.Pieces[0].Chunk)

	source := &tallying{Source: d.store, gets: make(map[kind.ChunkID]int)}
	req.Source = source
	out, err := restore.Run(t.Context(), req)
	require.NoError(t, err)
	require.True(t, out.Receipt.Identical)
	d.is(saved)
	for _, id := range step.Chunks {
		require.Equal(t, 1, source.gets[id])
	}
}

// What a manifest lists is read once, however often the tree is looked at (Kept).
func TestAManifestIsReadOnce(t *testing.T) {
	d := newDesk(t)
	d.ws.Kept = &kind.Shared{}
	saved := d.save()
	d.wreck()
	tree, _ := saved.Parts[0].Object("tree")
	manifest := &counting{Source: d.store, id: tree.Chunks[0]}
	req := d.request(saved)
	req.Source = manifest
	out, err := restore.Run(t.Context(), req)
	require.NoError(t, err)
	require.True(t, out.Receipt.Identical)
	d.is(saved)
	require.Equal(t, 1, manifest.gets)
}

// tallying counts how often each chunk is read.
type tallying struct {
	kind.Source
	mu   sync.Mutex
	gets map[kind.ChunkID]int // guarded by mu
}

func (s *tallying) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	s.mu.Lock()
	s.gets[id]++
	s.mu.Unlock()
	return s.Source.Get(ctx, id, buf)
}

type telling struct {
	*files.Driver
	rests  int
	spoils string
}

func (f *telling) Rest(ctx context.Context, part kind.Part, source kind.Source) kind.Facts {
	f.rests++
	return f.Driver.Rest(ctx, part, source)
}

func (f *telling) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	err := f.Driver.Restore(ctx, ws, part, source)
	if f.spoils != "" {
		err = errors.Join(err, os.WriteFile(f.spoils, []byte("spoilt"), 0o600))
	}
	return err
}

// What is written between the plan and the safety snapshot is in the latter,
// though it begins with what was read for the former (Take looks again).
func TestSafetySnapshotHasWhatWasWrittenSinceThePlan(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	d.wreck()
	d.ticked()
	d.during = func(stage string) {
		if stage == "taking a safety snapshot" {
			d.write("late", "written at the last moment")
			d.write("changed", "once more")
		}
	}
	out, err := restore.Run(t.Context(), d.request(saved))
	require.NoError(t, err)
	require.True(t, out.Receipt.Identical)
	d.is(saved)
	d.during = nil
	safety, err := d.store.Snapshot(t.Context(), out.Receipt.Safety)
	require.NoError(t, err)
	_, err = restore.Run(t.Context(), d.request(safety))
	require.NoError(t, err)
	require.Equal(t, "written at the last moment", d.read("late"))
	require.Equal(t, "once more", d.read("changed"))
}

// The same holds for a tree in which others lie (looks), unless they come or go:
// then its directories are touched in between.
func TestATreeWithOthersInItIsWalkedOnceInALook(t *testing.T) {
	for gone, walks := range map[bool]int{false: 3, true: 5} {
		d, saved := newDeskWithRepository(t, git.New())
		cache := &countingCache{Cache: d.ws.Cache, of: kind.ID{Kind: "files", Name: "."}}
		d.ws.Cache = cache
		d.wreck()
		d.write("repo/README", "changed")
		if gone {
			require.NoError(t, os.RemoveAll(d.path("repo")))
		}
		out, err := restore.Run(t.Context(), d.request(saved))
		require.NoError(t, err)
		require.True(t, out.Receipt.Identical, "%v", out.Receipt.Differences)
		require.Equal(t, walks, cache.loads)
	}
}

// What is written to such a tree while others in it are restored is in no
// snapshot. It is not overwritten (looks), and named.
func TestWhatIsWrittenWhileOthersAreRestoredStays(t *testing.T) {
	meddler := &meddling{Driver: git.New()}
	d, saved := newDeskWithRepository(t, meddler)
	meddler.path = d.path("kept")
	d.wreck()
	d.write("repo/README", "changed")
	out, err := restore.Run(t.Context(), d.request(saved))
	require.NoError(t, err)
	require.False(t, out.Receipt.Identical)
	require.Equal(t, "kept", out.Receipt.Differences[0].Fact)
	require.Equal(t, "written meanwhile", d.read("kept"))
	require.Equal(t, "as it was", d.read("changed"))
}

// meddling is the driver for git, beside which somebody writes to a file.
type meddling struct {
	*git.Driver
	path string
}

func (m *meddling) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	return errors.Join(os.WriteFile(m.path, []byte("written meanwhile"), 0o644), m.Driver.Restore(ctx, ws, part, source))
}

// newDeskWithRepository returns a saved workspace of files in which a
// repository lies.
func newDeskWithRepository(t *testing.T, repositories kind.Driver) (*desk, snapshot.Snapshot) {
	t.Helper()
	d := newDesk(t)
	d.with = append(d.with, repositories)
	d.write("repo/README", "hello")
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}} {
		out, err := exec.Command("git", append([]string{"-C", d.path("repo")}, args...)...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return d, d.save()
}

type countingCache struct {
	kind.Cache
	of    kind.ID // zero: all
	loads int
}

func (c *countingCache) Load(id kind.ID, name string) []byte {
	if c.of.IsZero() || c.of == id {
		c.loads++
	}
	return c.Cache.Load(id, name)
}

func TestFailureBringsTheStateBeforeBack(t *testing.T) {
	for name, after := range map[string]bool{"before anything is written": false, "after all is written": true} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			saved := d.save()
			d.wreck()
			wrecked := d.save()
			fault := &faulty{Driver: files.New(), restores: 1, after: after}
			d.driver = fault

			_, err := restore.Run(t.Context(), d.request(saved))
			var back *restore.RolledBackError
			require.ErrorAs(t, err, &back)
			require.ErrorContains(t, err, "the disk is on fire")
			require.True(t, fault.fired)
			d.is(wrecked)
			d.noJournal()
		})
	}
}

func TestCancelBringsTheStateBeforeBack(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	d.wreck()
	wrecked := d.save()
	ctx, cancel := context.WithCancel(t.Context())
	d.during = func(stage string) {
		if stage == "comparing every byte" {
			cancel()
		}
	}
	_, err := restore.Run(ctx, d.request(saved))
	var back *restore.RolledBackError
	require.ErrorAs(t, err, &back)
	require.ErrorIs(t, err, context.Canceled)
	d.is(wrecked)
	d.noJournal()
}

// When even taking back fails the journal stays, and whoever comes next can
// finish the job with it.
func TestWhatCannotBeTakenBackStaysInTheJournal(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	d.wreck()
	wrecked := d.save()
	d.driver = &alwaysFaulty{files.New()}
	_, err := restore.Run(t.Context(), d.request(saved))
	var unfinished *restore.UnfinishedError
	require.ErrorAs(t, err, &unfinished)
	require.FileExists(t, d.journal())

	d.driver = files.New()
	d.write("changed", "half written")
	journal, err := restore.ReadJournal(d.journal())
	require.NoError(t, err)
	require.Equal(t, unfinished.Safety, journal.Safety)
	safety, err := d.store.Snapshot(t.Context(), journal.Safety)
	require.NoError(t, err)
	rollback := restore.Rollback{
		Drivers: d.drivers(), Workspace: d.ws, Safety: safety, Journal: journal,
		Source: d.store, Guard: unguarded{}, HealthTimeout: time.Minute,
	}
	require.NoError(t, rollback.Run(t.Context()))
	d.is(wrecked)
	d.noJournal()
}

type alwaysFaulty struct{ *files.Driver }

func (f *alwaysFaulty) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	return (&faulty{Driver: f.Driver, restores: 1}).Restore(ctx, ws, part, source)
}

// What is written after the safety snapshot was taken is in no snapshot, and
// is not overwritten.
func TestNothingIsOverwrittenThatWasNotSaved(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	d.wreck()
	d.during = func(stage string) {
		if stage == "restoring" {
			d.write("changed", "at the last moment")
		}
	}
	_, err := restore.Run(t.Context(), d.request(saved))
	var back *restore.RolledBackError
	require.ErrorAs(t, err, &back)
	require.ErrorContains(t, err, "changed after the safety snapshot")
	require.Equal(t, "at the last moment", d.read("changed"))
	require.Equal(t, "in the meantime", d.read("added"))
	d.noJournal()
}

// A damaged chunk is found before anything is touched.
func TestMissingContentStopsBeforeAnythingIsTouched(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	d.wreck()
	wrecked := d.save()
	req := d.request(saved)
	req.Source = without{d.store, kind.Sum([]byte("soon gone"))}
	_, err := restore.Run(t.Context(), req)
	require.ErrorContains(t, err, "files/.")
	d.is(wrecked)
	d.noJournal()
}

// Where nothing is there yet, content is not read before it is written (fresh),
// and what is found to be damaged then has what was made taken away. Where
// anything is there, damage is found before anything is touched, though all of
// it would stay.
func TestContentIsReadOnce(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	content := kind.Sum([]byte("soon gone"))
	for _, standing := range []bool{false, true} {
		if standing {
			require.NoError(t, os.Remove(d.path("removed")))
		} else {
			require.NoError(t, os.RemoveAll(d.root))
			require.NoError(t, os.Mkdir(d.root, 0o755))
		}
		wrecked := d.save()
		req := d.request(saved)
		req.Source = without{d.store, content}
		_, err := restore.Run(t.Context(), req)
		var back *restore.RolledBackError
		require.Equal(t, !standing, errors.As(err, &back), err)
		require.ErrorIs(t, err, os.ErrNotExist)
		d.is(wrecked)
		d.noJournal()

		counted := &counting{Source: d.store, id: content}
		req.Source = counted
		_, err = restore.Run(t.Context(), req)
		require.NoError(t, err)
		d.is(saved)
		require.Equal(t, 1, counted.gets)
	}
}

// counting counts how often a chunk is read.
type counting struct {
	kind.Source
	id   kind.ChunkID
	gets int
}

func (c *counting) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	if id == c.id {
		c.gets++
	}
	return c.Source.Get(ctx, id, buf)
}

type without struct {
	kind.Source
	missing kind.ChunkID
}

func (w without) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	if id == w.missing {
		return nil, os.ErrNotExist
	}
	return w.Source.Get(ctx, id, buf)
}

// No safety snapshot, no restore.
func TestWithoutASafetySnapshotNothingIsTouched(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	d.wreck()
	wrecked := d.save()
	req := d.request(saved)
	req.Begin = func(context.Context) (snapshot.Session, error) { return nil, os.ErrPermission }
	_, err := restore.Run(t.Context(), req)
	require.ErrorIs(t, err, os.ErrPermission)
	d.is(wrecked)

	req = d.request(saved)
	req.JournalPath = filepath.Join(d.root, "no", "such", "directory")
	_, err = restore.Run(t.Context(), req)
	require.Error(t, err)
	d.is(wrecked)
}

func TestVerifyNamesDifferences(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	d.wreck()
	report, err := restore.Verify(t.Context(), d.drivers(), d.ws, &saved, d.store)
	require.NoError(t, err)
	require.False(t, report.Identical())
	var facts []string
	for _, diff := range report.Differences {
		facts = append(facts, diff.Fact)
	}
	require.Equal(t, []string{".", "added", "changed", "removed"}, facts)
	require.NotEqual(t, saved.State, report.State)
}

func TestRestoreThatCannotBeRecordedIsTakenBack(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	d.wreck()
	wrecked := d.save()
	req := d.request(saved)
	req.Done = func(out restore.Outcome) error {
		require.True(t, out.Receipt.Identical)
		require.FileExists(t, d.journal(), "it can still be taken back")
		return errors.New("the store is full")
	}
	_, err := restore.Run(t.Context(), req)
	var back *restore.RolledBackError
	require.ErrorAs(t, err, &back)
	require.ErrorContains(t, err, "the store is full")
	d.is(wrecked)
	d.noJournal()
}
