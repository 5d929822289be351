package restore_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/kind/files"
	"dogear/restore"
	"dogear/snapshot"
)

// recorder is a driver of one item, which notes that it was restored.
type recorder struct {
	item     kind.Item
	restored int
}

func (r *recorder) Kind() string { return r.item.ID.Kind }

func (r *recorder) Find(context.Context, *kind.Workspace, []kind.Item) ([]kind.Item, error) {
	return []kind.Item{r.item}, nil
}

func (r *recorder) Inspect(context.Context, *kind.Workspace, kind.Item) kind.Facts {
	return kind.Stream(nil)
}

func (r *recorder) Open(context.Context, *kind.Workspace, kind.Item, kind.Sink) (kind.Capture, error) {
	return nil, nil
}

func (r *recorder) Restore(context.Context, *kind.Workspace, kind.Part, kind.Source) error {
	r.restored++
	return nil
}

// runner is one whose item runs.
type runner struct{ recorder }

func (*runner) Stop(context.Context, *kind.Workspace, kind.ID) (bool, error) { return true, nil }

func (*runner) Resume(context.Context, *kind.Workspace, kind.ID) error { return nil }

func (*runner) StopsLast(context.Context, *kind.Workspace, kind.ID) (bool, error) { return false, nil }

// TestRollbackRestoresWhatRunsWithWhatWasTouched: the restore was killed after
// it had touched the network, and before it came to the container in it.
func TestRollbackRestoresWhatRunsWithWhatWasTouched(t *testing.T) {
	d := newDesk(t)
	network, other := kind.ID{Kind: "network", Name: "n"}, kind.ID{Kind: "other", Name: "o"}
	inIt := &runner{recorder{item: kind.Item{ID: kind.ID{Kind: "container", Name: "c"}, Needs: []kind.ID{network}}}}
	touched, apart := &recorder{item: kind.Item{ID: network}}, &recorder{item: kind.Item{ID: other}}
	require.NoError(t, os.WriteFile(d.journal(), []byte(`{"begun":["network/n"]}`), 0o600))
	journal, err := restore.ReadJournal(d.journal())
	require.NoError(t, err)

	var safety snapshot.Snapshot
	for _, r := range []*recorder{&inIt.recorder, touched, apart} {
		part := snapshot.Part{Part: kind.Part{ID: r.item.ID, Needs: r.item.Needs}}
		safety.Parts = append(safety.Parts, part)
	}
	require.NoError(t, restore.Rollback{
		Drivers: []kind.Driver{inIt, touched, apart}, Workspace: d.ws, Safety: safety, Journal: journal,
		Source: d.store, Guard: unguarded{}, HealthTimeout: time.Minute,
	}.Run(t.Context()))
	require.Equal(t, 1, touched.restored)
	require.Equal(t, 1, inIt.restored, "it is attached to what was taken away")
	require.Zero(t, apart.restored)
	d.noJournal()
}

// follower is a recorder whose item nothing uses, so that it is not found.
type follower struct {
	recorder
	removed int
}

func (*follower) Find(context.Context, *kind.Workspace, []kind.Item) ([]kind.Item, error) {
	return nil, nil
}

func (*follower) Remove(context.Context, *kind.Workspace, kind.Item) error { return nil }

func (f *follower) RemoveNamed(context.Context, *kind.Workspace, kind.ID) error {
	f.removed++
	return nil
}

// What a restore has made and nothing uses yet is known by its name alone, and
// so is what it was to remove once nothing uses it any more: neither stays,
// whether the restore is taken back or gone on with. It fails without the
// Follower in removeCreated and removeItem.
func TestWhatNothingUsesIsRemovedByItsName(t *testing.T) {
	d := newDesk(t)
	saved := d.save()
	journal := func(action, begun string) *restore.Journal {
		t.Helper()
		content := `{"plan":{"steps":[{"part":"network/n","action":"` + action + `"}]},"begun":[` + begun + `]}`
		require.NoError(t, os.WriteFile(d.journal(), []byte(content), 0o600))
		j, err := restore.ReadJournal(d.journal())
		require.NoError(t, err)
		return j
	}
	for begun, removed := range map[string]int{`"network/n"`: 1, "": 0} {
		f := &follower{recorder: recorder{item: kind.Item{ID: kind.ID{Kind: "network", Name: "n"}}}}
		require.NoError(t, restore.Rollback{
			Drivers: []kind.Driver{d.driver, f}, Workspace: d.ws, Safety: saved, Journal: journal("create", begun),
			Source: d.store, Guard: unguarded{}, HealthTimeout: time.Minute,
		}.Run(t.Context()))
		require.Equal(t, removed, f.removed, "taken back, begun: %s", begun)

		f.removed = 0
		req := d.request(saved)
		req.Drivers = append(req.Drivers, f)
		_, err := restore.Continue(t.Context(), req, journal("remove", begun), saved)
		require.NoError(t, err)
		require.Equal(t, 1, f.removed, "gone on with, begun: %s", begun)
		d.noJournal()
	}
}

// late is a runner that an engine still makes when others look.
type late struct {
	runner
	looks, removed int
}

func (l *late) Find(context.Context, *kind.Workspace, []kind.Item) ([]kind.Item, error) {
	if l.looks++; l.looks < 3 || l.removed > 0 {
		return nil, nil
	}
	return []kind.Item{l.item}, nil
}

func (l *late) Remove(context.Context, *kind.Workspace, kind.Item) error {
	l.removed++
	return nil
}

// What a restore that was killed had just asked an engine for is waited for, and
// removed: it fails without awaitMade. What is long over, or of this very process,
// is not.
func TestRollbackAwaitsWhatIsBeingMade(t *testing.T) {
	d := newDesk(t)
	for interrupted, removed := range map[time.Time]int{time.Now(): 1, time.Now().Add(-time.Hour): 0, time.Now().Add(time.Hour): 0, {}: 0} {
		driver := &late{runner: runner{recorder{item: kind.Item{ID: kind.ID{Kind: "container", Name: "c"}}}}}
		content := `{"plan":{"steps":[{"part":"container/c","action":"create"}]},"begun":["container/c"]}`
		require.NoError(t, os.WriteFile(d.journal(), []byte(content), 0o600))
		journal, err := restore.ReadJournal(d.journal())
		require.NoError(t, err)
		require.NoError(t, restore.Rollback{
			Drivers: []kind.Driver{driver}, Workspace: d.ws, Journal: journal, Source: d.store, Guard: unguarded{},
			HealthTimeout: time.Minute, Interrupted: interrupted,
		}.Run(t.Context()))
		require.Equal(t, removed, driver.removed, "%s", interrupted)
	}
}

// restless is a runner that somebody else starts again, so many times.
type restless struct {
	runner
	starts int
	held   []kind.ID
}

func (*restless) Freeze(context.Context, *kind.Workspace, kind.ID) (bool, error) { return false, nil }

func (*restless) Thaw(context.Context, *kind.Workspace, kind.ID) error { return nil }

func (r *restless) Incarnation(context.Context, *kind.Workspace, kind.ID) (string, error) {
	r.starts--
	if r.starts >= 0 {
		return "a run", nil
	}
	return "", nil
}

func (*restless) Start(context.Context, *kind.Workspace, kind.Part, kind.Source) error { return nil }

func (r *restless) HoldBack(_ context.Context, _ *kind.Workspace, id kind.ID) error {
	r.held = append(r.held, id)
	return nil
}

// What somebody else starts while it is brought back is stopped and brought back
// once more, and not for ever: it fails without assertStill.
func TestRollbackStopsWhatOthersStart(t *testing.T) {
	for starts, restored := range map[int]int{0: 1, 2: 3, 9: 3} {
		d := newDesk(t)
		box := kind.ID{Kind: "container", Name: "c"}
		driver := &restless{runner: runner{recorder{item: kind.Item{ID: box}}}, starts: starts}
		require.NoError(t, os.WriteFile(d.journal(), []byte(`{"begun":["container/c"]}`), 0o600))
		journal, err := restore.ReadJournal(d.journal())
		require.NoError(t, err)
		err = restore.Rollback{
			Drivers: []kind.Driver{driver}, Workspace: d.ws, Safety: snapshot.Snapshot{Parts: []snapshot.Part{{Part: kind.Part{ID: box}}}}, Journal: journal,
			Source: d.store, Guard: unguarded{}, HealthTimeout: time.Minute,
		}.Run(t.Context())
		require.Equal(t, restored, driver.restored)
		require.Contains(t, driver.held, box, "its engine does not start it either")
		if starts == 9 {
			require.ErrorContains(t, err, "container/c: somebody else has started it")
			require.FileExists(t, d.journal())
			continue
		}
		require.NoError(t, err)
		d.noJournal()
	}
}

// picky is the driver for files, whose files are ill when they say so.
type picky struct {
	*files.Driver
	path string
}

func (p picky) WaitHealthy(context.Context, *kind.Workspace, kind.Part, kind.Source) error {
	content, err := os.ReadFile(p.path)
	if err == nil && string(content) == "as it was" {
		err = errors.New("it says " + string(content))
	}
	return err
}

// Whoever wants a restore only if everything comes up gets back what was there
// before, and is told why; whoever does not is told as well, and keeps it.
func TestARestoreThatIsNotHealthyIsKeptOrTakenBack(t *testing.T) {
	for _, only := range []bool{false, true} {
		d := newDesk(t)
		d.driver = picky{files.New(), d.path("changed")}
		saved := d.save()
		d.wreck()
		wrecked := d.save()
		req := d.request(saved)
		done := 0
		req.OnlyHealthy, req.Done = only, func(restore.Outcome) error { done++; return nil }
		outcome, err := restore.Run(t.Context(), req)
		d.noJournal()
		if !only {
			require.NoError(t, err)
			require.Equal(t, []string{"files/.: it says as it was"}, outcome.Unhealthy)
			require.Equal(t, 1, done)
			d.is(saved)
			continue
		}
		var rolledBack *restore.RolledBackError
		var unhealthy *restore.UnhealthyError
		require.ErrorAs(t, err, &rolledBack)
		require.ErrorAs(t, err, &unhealthy)
		require.ErrorContains(t, err, "it says as it was")
		require.Zero(t, done, "it is not recorded as done")
		d.is(wrecked)
	}
}
