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
