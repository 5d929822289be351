package restore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/kind/files"
	"dogear/kind/kindtest"
	"dogear/restore"
	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"
)

// desk is a workspace of plain files with a real store and the real driver
// for files.
type desk struct {
	t      *testing.T
	root   string
	ws     *kind.Workspace
	store  *store.Store
	driver kind.Driver
	with   []kind.Driver // that look before it
	ids    int
	// during is called at each stage of an operation.
	during func(stage string)
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	d := &desk{
		t: t, root: root, store: storetest.Open(t), driver: files.New(),
		ws: &kind.Workspace{Root: root, Redact: func(s string) string { return s }, Cache: kindtest.NewCache()},
	}
	d.write("kept", "the same all the time")
	d.write("changed", "as it was")
	d.write("removed", "soon gone")
	d.write("dir/inner", "deep")
	return d
}

func (d *desk) path(name string) string { return filepath.Join(d.root, name) }

func (d *desk) write(name, content string) {
	d.t.Helper()
	require.NoError(d.t, os.MkdirAll(filepath.Dir(d.path(name)), 0o755))
	require.NoError(d.t, os.WriteFile(d.path(name), []byte(content), 0o644))
}

func (d *desk) read(name string) string {
	d.t.Helper()
	content, err := os.ReadFile(d.path(name))
	require.NoError(d.t, err)
	return string(content)
}

// wreck changes, removes and adds.
func (d *desk) wreck() {
	d.t.Helper()
	d.write("changed", "by mistake")
	require.NoError(d.t, os.Remove(d.path("removed")))
	d.write("added", "in the meantime")
}

// ticked waits until what is written next has another time.
func (d *desk) ticked() {
	d.t.Helper()
	info, err := os.Stat(d.path("changed"))
	require.NoError(d.t, err)
	require.Eventually(d.t, func() bool { return time.Since(info.ModTime()) > 20*time.Millisecond }, 10*time.Second, time.Millisecond)
}

func (d *desk) newID() snapshot.ID {
	d.ids++
	return snapshot.ID(fmt.Sprintf("snapshot%d", d.ids))
}

func (d *desk) begin(ctx context.Context) (snapshot.Session, error) { return d.store.Begin(ctx) }

// save takes and commits a snapshot.
func (d *desk) save() snapshot.Snapshot {
	d.t.Helper()
	session, err := d.begin(d.t.Context())
	require.NoError(d.t, err)
	taken, err := snapshot.Take(d.t.Context(), snapshot.Request{
		Drivers: d.drivers(), Workspace: d.ws, Session: session, Guard: unguarded{}, Now: time.Now,
	})
	require.NoError(d.t, err)
	taken.Snapshot.ID = d.newID()
	require.NoError(d.t, session.Commit(d.t.Context(), taken.Snapshot))
	return taken.Snapshot
}

func (d *desk) drivers() []kind.Driver { return append(slices.Clone(d.with), d.driver) }

func (d *desk) journal() string { return filepath.Join(d.store.JournalDir(), "test.json") }

func (d *desk) request(target snapshot.Snapshot) restore.Request {
	return restore.Request{
		Drivers: d.drivers(), Workspace: d.ws, Target: target, Operation: snapshot.OpRestore,
		Source: d.store, Begin: d.begin, NewID: d.newID, JournalPath: d.journal(), Guard: unguarded{},
		HealthTimeout: time.Minute, Now: time.Now, Progress: d.stage,
	}
}

func (d *desk) stage(stage string) {
	if d.during != nil {
		d.during(stage)
	}
}

// is requires the live workspace to be what a snapshot says.
func (d *desk) is(s snapshot.Snapshot) {
	d.t.Helper()
	report, err := restore.Verify(d.t.Context(), d.drivers(), d.ws, &s, d.store)
	require.NoError(d.t, err)
	require.Empty(d.t, report.Differences)
	require.Equal(d.t, s.State, report.State)
}

// noJournal requires that nothing is left to be healed.
func (d *desk) noJournal() {
	d.t.Helper()
	require.NoFileExists(d.t, d.journal())
}

// unguarded is for workspaces in which nothing runs.
type unguarded struct{}

func (unguarded) WillFreeze(kind.ID) error         { return nil }
func (unguarded) WillStop(kind.ID) error           { return nil }
func (unguarded) WillSettle(kind.ID, string) error { return nil }
func (unguarded) Settled(kind.ID)                  {}
func (unguarded) Thawed(kind.ID)                   {}
func (unguarded) Resumed(kind.ID)                  {}

// faulty is the driver for files, with a fault in one method.
type faulty struct {
	*files.Driver
	restores int // Restore fails when it is called for the n-th time
	after    bool
	fired    bool
}

func (f *faulty) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	f.restores--
	if f.restores != 0 {
		return f.Driver.Restore(ctx, ws, part, source)
	}
	f.fired = true
	if f.after {
		if err := f.Driver.Restore(ctx, ws, part, source); err != nil {
			return err
		}
	}
	return fmt.Errorf("the disk is on fire")
}
