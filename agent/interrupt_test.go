package agent

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/kind/files"
	"dogear/snapshot"
)

func TestCancelledSaveLeavesNothing(t *testing.T) {
	r := newRig(t)
	pid := r.hold()
	client, leave := r.connect()
	ctx, cancel := context.WithCancel(t.Context())
	saved := make(chan error, 1)
	go func() {
		_, err := r.save(ctx, client)
		saved <- err
	}()
	<-r.processes.taking
	eventually(t, "frozen", func() bool { return frozen(t, pid) })
	cancel()
	err := <-saved
	require.Equal(t, api.CodeInterrupted, api.AsError(err).Code)
	require.Equal(t, "the workspace is as it was", api.AsError(err).State)
	eventually(t, "thawed", func() bool { return !frozen(t, pid) })
	found, err := r.list(client)
	require.NoError(t, err)
	require.Empty(t, found)
	leave()
	r.clean()
}

func TestJobEndsWhenItsClientGoesAway(t *testing.T) {
	r := newRig(t)
	pid := r.hold()
	keeper := r.client() // has the agent
	_, err := r.list(keeper)
	require.NoError(t, err)
	var conn net.Conn
	gone := api.NewClient(func(ctx context.Context) (_ net.Conn, err error) {
		conn, err = Reach(ctx, r.store)
		return conn, err
	}, func(api.Progress) {})
	saved := make(chan error, 1)
	go func() {
		_, err := r.save(t.Context(), gone)
		saved <- err
	}()
	<-r.processes.taking
	require.NoError(t, conn.Close())
	require.Equal(t, api.CodeUnfinished, api.AsError(<-saved).Code)
	eventually(t, "thawed", func() bool { return !frozen(t, pid) })
	r.processes.taking = nil
	eventually(t, "free again", func() bool {
		_, err := r.save(t.Context(), keeper)
		return err == nil
	})
}

func TestInterruptEndsTheWaitForAnAgent(t *testing.T) {
	r := newRig(t)
	silent, err := Open(r.options)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	listed := make(chan error, 1)
	client := r.client()
	go func() {
		_, err := client.List(ctx, api.WorkspaceRequest{Workspace: r.workspace})
		listed <- err
	}()
	cancel()
	require.Equal(t, api.CodeInterrupted, api.AsError(<-listed).Code)
	require.NoError(t, silent.Close(t.Context()))
}

func TestKilledPauseStartsAgainWhatItStopped(t *testing.T) {
	r := newRig(t)
	a, err := Open(r.options)
	require.NoError(t, err)
	pid := startProcess(t, r.workspace.Dir, "frozen")
	ws := &kind.Workspace{Root: r.workspace.Dir}
	mark := stoppedMark(ws, process("stopped"))
	require.NoError(t, os.WriteFile(mark, nil, 0o600))
	g, err := a.newGuard(desk{kind: ws}, beginning{Operation: snapshot.OpPause, Snapshot: "01x"})
	require.NoError(t, err)
	require.NoError(t, g.WillStop(process("stopped")))
	require.NoError(t, g.record(deed{Freezing: process("frozen")}, false)) // and the watchdog died too
	_, err = r.processes.Freeze(t.Context(), ws, process("frozen"))
	require.NoError(t, err)
	require.NoError(t, g.release())
	require.NoError(t, a.Close(t.Context()))

	client, leave := r.connect()
	healed, err := client.Recover(t.Context(), api.RecoverRequest{Workspace: r.workspace})
	require.NoError(t, err)
	require.Len(t, healed.Healed, 1)
	require.Equal(t, "interrupted pause", healed.Healed[0].Note)
	require.NoFileExists(t, mark)
	eventually(t, "thawed", func() bool { return !frozen(t, pid) })
	leave()
	r.clean()
}

func TestAgentThatIsEndedWaitsForNobody(t *testing.T) {
	r := newRig(t)
	pid := r.hold()
	r.options.Resident = true
	resident, err := Open(r.options)
	require.NoError(t, err)
	require.NoError(t, resident.Serve())
	idle, working := r.client(), r.client()
	_, err = r.list(idle)
	require.NoError(t, err)
	saved := make(chan error, 1)
	go func() {
		_, err := r.save(t.Context(), working)
		saved <- err
	}()
	<-r.processes.taking
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, resident.Close(ctx))
	require.Equal(t, api.CodeInterrupted, api.AsError(<-saved).Code)
	eventually(t, "thawed", func() bool { return !frozen(t, pid) })
	r.clean()
	_, err = r.list(idle)
	require.NoError(t, err, "it starts its own")
}

func TestRestoreThatCannotBeTakenBackIsUnfinished(t *testing.T) {
	r := newRig(t)
	startProcess(t, r.workspace.Dir, "p")
	client := r.client()
	saved, err := r.save(t.Context(), client)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(statePath(&kind.Workspace{Root: r.workspace.Dir}, process("p")), []byte("new"), 0o600))

	r.processes.broken = errors.New("the disk is broken")
	_, err = client.Restore(t.Context(), api.RestoreRequest{Workspace: r.workspace, Snapshot: "latest"})
	require.Equal(t, api.CodeUnfinished, api.AsError(err).Code, "%v", err)
	require.ErrorContains(t, err, "the disk is broken")
	_, err = r.save(t.Context(), client)
	require.Equal(t, api.CodeUnfinished, api.AsError(err).Code, "nothing else is begun meanwhile")
	for range 2 {
		_, err = client.Recover(t.Context(), api.RecoverRequest{Workspace: r.workspace})
		require.Equal(t, api.CodeUnfinished, api.AsError(err).Code, "until it is taken back")
		require.ErrorContains(t, err, "the disk is broken")
		require.Contains(t, api.AsError(err).Hint, "dogear recover")
		require.Regexp(t, "^between two states; nothing is lost: snapshot \\w+ holds the state before, "+string(saved.Snapshot.ID), api.AsError(err).State)
	}
	var notes []string
	c := NewConnector(r.options)
	looking := api.NewClient(c.Dial, func(p api.Progress) { notes = append(notes, p.Note) })
	_, err = r.list(looking)
	require.NoError(t, err)
	looking.Close()
	require.NoError(t, c.Close(t.Context()))
	require.Equal(t, []string{"an interrupted restore of " + r.workspace.Dir + " is neither finished nor taken back yet: dogear recover"}, notes)

	r.processes.broken = nil
	healed, err := client.Recover(t.Context(), api.RecoverRequest{Workspace: r.workspace})
	require.NoError(t, err)
	require.Len(t, healed.Healed, 1)
	_, err = r.save(t.Context(), client)
	require.NoError(t, err)
}

// brokenFiles is the driver for files, which fails as long as it is told to.
type brokenFiles struct {
	*files.Driver
	err error
}

func (f *brokenFiles) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	if f.err != nil {
		return errors.Join(os.WriteFile(filepath.Join(ws.Root, "file"), []byte("half"), 0o600), f.err)
	}
	return f.Driver.Restore(ctx, ws, part, source)
}

// So is one of nothing but files, of which nothing was stopped: its journals stay
// (guard.close).
func TestRestoreOfFilesThatCannotBeTakenBackIsUnfinished(t *testing.T) {
	r := newRig(t)
	broken := &brokenFiles{Driver: files.New()}
	r.options.Drivers = []kind.Driver{broken}
	client, leave := r.connect()
	_, err := r.save(t.Context(), client)
	require.NoError(t, err)
	file := filepath.Join(r.workspace.Dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("new"), 0o600))
	broken.err = errors.New("the disk is broken")
	_, err = client.Restore(t.Context(), api.RestoreRequest{Workspace: r.workspace, Snapshot: "latest"})
	require.Equal(t, api.CodeUnfinished, api.AsError(err).Code, "%v", err)
	leave()

	broken.err = nil
	client, leave = r.connect()
	healed, err := client.Recover(t.Context(), api.RecoverRequest{Workspace: r.workspace})
	require.NoError(t, err)
	require.Len(t, healed.Healed, 1)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "new", string(content))
	leave()
	r.clean()
}

// Whoever asks about the workspace next is told what was taken back, also who
// only looks: it fails for a list that does not tell what was healed.
func TestWhatWasTakenBackIsNoted(t *testing.T) {
	for name, ask := range map[string]func(*rig, *api.Client) error{
		"save": func(r *rig, c *api.Client) error { _, err := r.save(t.Context(), c); return err },
		"list": func(r *rig, c *api.Client) error { _, err := r.list(c); return err },
	} {
		t.Run(name, func(t *testing.T) { takenBackIsNoted(t, ask) })
	}
}

func takenBackIsNoted(t *testing.T, ask func(*rig, *api.Client) error) {
	r := newRig(t)
	a, err := Open(r.options)
	require.NoError(t, err)
	ws := &kind.Workspace{Root: r.workspace.Dir}
	g, err := a.newGuard(desk{kind: ws}, beginning{Operation: snapshot.OpPause, Snapshot: "01x"})
	require.NoError(t, err)
	require.NoError(t, g.release())
	require.NoError(t, a.Close(t.Context()))

	c := NewConnector(r.options)
	var notes []string
	client := api.NewClient(c.Dial, func(p api.Progress) {
		if p.Note != "" {
			notes = append(notes, p.Note)
		}
	})
	for range 2 {
		require.NoError(t, ask(r, client))
	}
	client.Close()
	require.NoError(t, c.Close(t.Context()))
	require.Equal(t, []string{"first: an interrupted pause of " + r.workspace.Dir + " was taken back; what it had stopped or frozen runs again"}, notes)
	r.clean()
}

// TestPauseKilledBeforeItWasLogged: it is in the store, so it is a pause, and
// what it stopped stays stopped.
func TestPauseKilledBeforeItWasLogged(t *testing.T) {
	r := newRig(t)
	client, leave := r.connect()
	saved, err := r.save(t.Context(), client)
	require.NoError(t, err)
	leave()
	a, err := Open(r.options)
	require.NoError(t, err)
	ws := &kind.Workspace{Root: r.workspace.Dir}
	mark := stoppedMark(ws, process("stopped"))
	require.NoError(t, os.WriteFile(mark, nil, 0o600))
	g, err := a.newGuard(desk{kind: ws}, beginning{Operation: snapshot.OpPause, Snapshot: saved.Snapshot.ID})
	require.NoError(t, err)
	require.NoError(t, g.WillStop(process("stopped")))
	require.NoError(t, g.release())
	require.NoError(t, a.Close(t.Context()))

	client, leave = r.connect()
	healed, err := client.Recover(t.Context(), api.RecoverRequest{Workspace: r.workspace})
	require.NoError(t, err)
	require.Len(t, healed.Healed, 1)
	require.Equal(t, outcomeDone, healed.Healed[0].Outcome)
	require.FileExists(t, mark)
	resumed, err := client.Resume(t.Context(), api.RestoreRequest{Workspace: r.workspace})
	require.NoError(t, err)
	require.Equal(t, saved.Snapshot.ID, resumed.Source.ID)
	leave()
	r.clean()
}

// TestRestoreKilledBeforeItWasLogged: it was proven, so it is done, and what
// the target has stopped stays stopped.
func TestRestoreKilledBeforeItWasLogged(t *testing.T) {
	r := newRig(t)
	a, err := Open(r.options)
	require.NoError(t, err)
	ws := &kind.Workspace{Root: r.workspace.Dir}
	mark := stoppedMark(ws, process("stopped"))
	require.NoError(t, os.WriteFile(mark, nil, 0o600))
	g, err := a.newGuard(desk{kind: ws}, beginning{Operation: snapshot.OpUndo, Snapshot: "01x"})
	require.NoError(t, err)
	require.NoError(t, g.WillStop(process("stopped")))
	require.NoError(t, os.WriteFile(a.journalPath("01x", restoreJournal), []byte(`{"safety":"01s"}`), 0o600))
	require.NoError(t, g.done(snapshot.Event{Operation: snapshot.OpUndo, Snapshot: "01t", Safety: "01s", Receipt: "r", Outcome: outcomeDone}))
	require.NoError(t, g.release())
	require.NoError(t, a.Close(t.Context()))

	client, leave := r.connect()
	events, err := client.Log(t.Context(), api.WorkspaceRequest{Workspace: r.workspace})
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Equal(t, snapshot.OpUndo, events[1].Operation)
	require.Equal(t, snapshot.ID("01s"), events[1].Safety)
	require.FileExists(t, mark)
	leave()
	r.clean()
}

// A clock that is set back misleads nobody: what was done last is last (after), and
// nothing took less than no time.
func TestClockGoingBackwards(t *testing.T) {
	r := newRig(t)
	now := time.Now()
	var mu sync.Mutex
	r.options.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(-time.Minute)
		return now
	}
	r.options.NewID = NewIDs(r.options.Now)
	startProcess(t, r.workspace.Dir, "p")
	client, leave := r.connect()
	state := statePath(&kind.Workspace{Root: r.workspace.Dir}, process("p"))
	is := func(want string) {
		t.Helper()
		content, err := os.ReadFile(state)
		require.NoError(t, err)
		require.Equal(t, want, string(content))
	}
	for _, content := range []string{"first", "second"} {
		require.NoError(t, os.WriteFile(state, []byte(content), 0o600))
		_, err := r.save(t.Context(), client)
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(state, []byte("third"), 0o600))
	restored, err := client.Restore(t.Context(), api.RestoreRequest{Workspace: r.workspace, Snapshot: "latest"})
	require.NoError(t, err)
	require.Positive(t, restored.Timings.OutageMS, "it was stopped (sinceStop)")
	require.Positive(t, restored.Timings.HealthyMS)
	require.Zero(t, restored.Timings.TotalMS, "nobody knows (sinceBegin)")
	is("second")
	_, err = client.Undo(t.Context(), api.UndoRequest{Workspace: r.workspace})
	require.NoError(t, err)
	is("third")
	_, err = client.Restore(t.Context(), api.RestoreRequest{Workspace: r.workspace, Snapshot: "latest~1"})
	require.NoError(t, err)
	is("first")
	leave()
	r.clean()
}
