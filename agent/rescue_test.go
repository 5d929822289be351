package agent

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/snapshot"
)

// interrupted leaves behind what a restore of files that was killed does, and then
// somebody's work. A process uses the files.
func interrupted(t *testing.T) (r *rig, pid int, file string) {
	t.Helper()
	r = newRig(t)
	r.options.LeaveRestores = true
	tree := kind.ID{Kind: "files", Name: "."}
	r.processes.needs = []kind.ID{tree}
	pid = startProcess(t, r.workspace.Dir, "p")
	file = filepath.Join(r.workspace.Dir, "file")
	client, leave := r.connect()
	target, err := r.save(t.Context(), client)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte("before"), 0o600))
	safety, err := r.save(t.Context(), client)
	require.NoError(t, err)
	leave()

	a, err := Open(r.options)
	require.NoError(t, err)
	g, err := a.newGuard(desk{kind: &kind.Workspace{Root: r.workspace.Dir}}, beginning{Operation: snapshot.OpRestore, Snapshot: "01x", Restores: &asked{}})
	require.NoError(t, err)
	require.NoError(t, g.release())
	journal := `{"target":"` + string(target.Snapshot.ID) + `","safety":"` + string(safety.Snapshot.ID) + `","begun":["files/."]}`
	require.NoError(t, os.WriteFile(a.journalPath("01x", restoreJournal), []byte(journal), 0o600))
	require.NoError(t, a.Close(t.Context()))
	require.NoError(t, os.WriteFile(file, []byte("an hour of work"), 0o600))
	return r, pid, file
}

func requireContent(t *testing.T, file, want string) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, want, string(content))
}

// What is captured before it is taken back stands still meanwhile: what uses it is
// frozen (withUsers).
func TestWhatUsesWhatWasFoundIsFrozen(t *testing.T) {
	r, pid, file := interrupted(t)
	r.processes.taking, r.processes.goOn = make(chan struct{}), make(chan struct{})
	client, leave := r.connect()
	type result struct {
		api.HealResult
		err error
	}
	recovered := make(chan result, 1)
	go func() {
		healed, err := client.Recover(t.Context(), api.RecoverRequest{Workspace: r.workspace})
		recovered <- result{healed, err}
	}()
	select {
	case <-r.processes.taking:
	case got := <-recovered:
		require.Fail(t, "what uses it is not captured with it", "%v", got)
	}
	require.True(t, frozen(t, pid))
	close(r.processes.goOn)
	got := <-recovered
	require.NoError(t, got.err)
	require.Len(t, got.Healed, 1)
	require.NotEmpty(t, got.Healed[0].Found)
	requireContent(t, file, "before")
	leave()
	r.clean()
}

// If it cannot be captured nothing is taken back, unless that is asked for.
func TestWhatCannotBeCapturedIsNotOverwritten(t *testing.T) {
	r, _, file := interrupted(t)
	r.processes.blind = errors.New("nobody can see it")
	client, leave := r.connect()
	for range 2 {
		_, err := client.Recover(t.Context(), api.RecoverRequest{Workspace: r.workspace})
		require.Equal(t, api.CodeUnfinished, api.AsError(err).Code)
		require.ErrorContains(t, err, "what was written since (files/.: file) cannot be captured: ")
		require.ErrorContains(t, err, "nobody can see it. dogear recover --rollback takes it back all the same, and that is lost")
		requireContent(t, file, "an hour of work")
	}
	healed, err := client.Recover(t.Context(), api.RecoverRequest{Workspace: r.workspace, Rollback: true})
	require.NoError(t, err)
	require.Len(t, healed.Healed, 1)
	require.Empty(t, healed.Healed[0].Found)
	requireContent(t, file, "before")
	leave()
	r.clean()
}
