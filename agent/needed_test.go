package agent

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/snapshot"
)

func TestOpenPause(t *testing.T) {
	pause := func(id snapshot.ID) snapshot.Event { return snapshot.Event{Operation: snapshot.OpPause, Snapshot: id} }
	resume := func(id snapshot.ID) snapshot.Event { return snapshot.Event{Operation: snapshot.OpResume, Snapshot: id} }
	undo := func(of uint64) snapshot.Event { return snapshot.Event{Operation: snapshot.OpUndo, Undoes: of} }
	failed := resume("p1")
	failed.Outcome = outcomeRolledBack
	for name, c := range map[string]struct {
		events []snapshot.Event // the oldest first
		want   snapshot.ID
	}{
		"none":                      {nil, ""},
		"paused":                    {[]snapshot.Event{pause("p1")}, "p1"},
		"resumed":                   {[]snapshot.Event{pause("p1"), resume("p1")}, ""},
		"resume failed":             {[]snapshot.Event{pause("p1"), failed}, "p1"},
		"something else restored":   {[]snapshot.Event{pause("p1"), resume("x")}, "p1"},
		"taken back":                {[]snapshot.Event{pause("p1"), undo(1)}, ""},
		"taken back, and that, too": {[]snapshot.Event{pause("p1"), undo(1), undo(2)}, "p1"},
		"resume taken back":         {[]snapshot.Event{pause("p1"), resume("p1"), undo(2)}, "p1"},
		"an older one":              {[]snapshot.Event{pause("p1"), pause("p2"), resume("p2")}, "p1"},
		"two":                       {[]snapshot.Event{pause("p1"), pause("p2")}, "p2"},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range c.events {
				c.events[i].Seq = uint64(i + 1)
				if c.events[i].Outcome == "" {
					c.events[i].Outcome = outcomeDone
				}
			}
			slices.Reverse(c.events)
			open, ok := openPause(c.events)
			require.Equal(t, c.want != "", ok)
			require.Equal(t, c.want, open.Snapshot)
		})
	}
}

// TestNobodyDeletesWhatAJournalNeeds: also with --force the state between two
// is not to be lost.
func TestNobodyDeletesWhatAJournalNeeds(t *testing.T) {
	r := newRig(t)
	client, leave := r.connect()
	target, err := r.save(t.Context(), client)
	require.NoError(t, err)
	safety, err := r.save(t.Context(), client)
	require.NoError(t, err)
	leave()

	a, err := Open(r.options)
	require.NoError(t, err)
	defer func() { require.NoError(t, a.Close(context.Background())) }()
	close(a.healed) // it cannot be taken back, say
	g, err := a.newGuard(desk{kind: &kind.Workspace{Root: r.workspace.Dir}}, beginning{Operation: snapshot.OpRestore, Snapshot: "01x"})
	require.NoError(t, err)
	require.NoError(t, g.release())
	journal := `{"target":"` + string(target.Snapshot.ID) + `","safety":"` + string(safety.Snapshot.ID) + `"}`
	require.NoError(t, os.WriteFile(a.journalPath("01x", restoreJournal), []byte(journal), 0o600))

	ctx, j := a.jobs.start(t.Context(), "rm", self(), func(api.Progress) {})
	defer a.jobs.end(j)
	for _, s := range []snapshot.ID{target.Snapshot.ID, safety.Snapshot.ID} {
		_, err := a.remove(ctx, j, api.RemoveRequest{Workspace: r.workspace, Snapshots: []string{string(s)}, Force: true})
		require.ErrorContains(t, err, "stays: a restore that is not finished needs it")
		require.Contains(t, api.AsError(err).Hint, "dogear recover")
	}
	require.NoError(t, os.Remove(a.journalPath("01x", runningJournal)))
	_, err = a.remove(ctx, j, api.RemoveRequest{Workspace: r.workspace, Snapshots: []string{string(target.Snapshot.ID)}})
	require.NoError(t, err)
}

// TestNobodyDeletesWhatAJobReads: a restore that has yet to write its journal
// already relies on its target.
func TestNobodyDeletesWhatAJobReads(t *testing.T) {
	r := newRig(t)
	pid := r.hold()
	client, other := r.client(), r.client()
	close(r.processes.goOn)
	go func() { <-r.processes.taking }()
	target, err := r.save(t.Context(), client)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(statePath(&kind.Workspace{Root: r.workspace.Dir}, process("p")), []byte("new"), 0o600))

	r.processes.goOn = make(chan struct{})
	goOn := sync.OnceFunc(func() { close(r.processes.goOn) })
	defer goOn()
	restored := make(chan error, 1)
	go func() {
		_, err := client.Restore(t.Context(), api.RestoreRequest{Workspace: r.workspace, Snapshot: "latest"})
		restored <- err
	}()
	<-r.processes.taking // in its safety capture
	rm := api.RemoveRequest{Workspace: r.workspace, Snapshots: []string{string(target.Snapshot.ID)}, Force: true}
	_, err = other.Remove(t.Context(), rm)
	require.Equal(t, api.CodeBusy, api.AsError(err).Code)
	require.ErrorContains(t, err, "is being read by dogear restore")
	require.Equal(t, os.Getpid(), api.AsError(err).Owner.PID)
	goOn()
	require.NoError(t, <-restored)
	_, err = other.Remove(t.Context(), rm)
	require.NoError(t, err)
	require.False(t, frozen(t, pid))
}
