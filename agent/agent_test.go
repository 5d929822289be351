package agent

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/kind/files"
	"dogear/snapshot"
)

// rig is a store, and a workspace of plain files and processes.
type rig struct {
	t         *testing.T
	store     string
	workspace api.Workspace
	processes *processes
	options   Options
}

func newRig(t *testing.T) *rig {
	t.Helper()
	root := makeDirs(t, "file")
	r := &rig{
		t: t, store: filepath.Join(t.TempDir(), "store"),
		workspace: api.Workspace{Dir: root, Exact: true, Dumps: "auto"}, processes: &processes{},
	}
	drivers := []kind.Driver{files.New(), r.processes}
	r.options = Options{
		Dir: r.store, Drivers: drivers, Now: time.Now, NewID: NewIDs(time.Now),
		StartWatchdog: inProcess(drivers, time.Hour), HealthTimeout: 10 * time.Second,
	}
	return r
}

// client returns a client as a command has one, and ends it with the test.
func (r *rig) client() *api.Client {
	client, leave := r.connect()
	r.t.Cleanup(leave)
	return client
}

func (r *rig) connect() (*api.Client, func()) {
	c := NewConnector(r.options)
	client := api.NewClient(c.Dial, func(api.Progress) {})
	return client, func() {
		client.Close()
		require.NoError(r.t, c.Close(context.Background()))
	}
}

func (r *rig) save(ctx context.Context, c *api.Client) (api.CaptureResult, error) {
	return c.Save(ctx, api.CaptureRequest{Workspace: r.workspace})
}

func (r *rig) list(c *api.Client) ([]api.SnapshotDetail, error) {
	return c.List(r.t.Context(), api.WorkspaceRequest{Workspace: r.workspace})
}

// hold makes captures stay in their frozen phase. The process is there so
// that something is frozen.
func (r *rig) hold() (pid int) {
	r.processes.taking, r.processes.goOn = make(chan struct{}), make(chan struct{})
	return startProcess(r.t, r.workspace.Dir, "p")
}

func (r *rig) clean() {
	entries, err := os.ReadDir(filepath.Join(r.store, "journal"))
	require.NoError(r.t, err)
	require.Empty(r.t, entries)
	require.NoFileExists(r.t, filepath.Join(r.store, socketName))
}

func TestSecondClientUsesTheAgentOfTheFirst(t *testing.T) {
	r := newRig(t)
	first, leave := r.connect()
	_, err := r.save(t.Context(), first)
	require.NoError(t, err)
	second, leaveSecond := r.connect()
	found, err := r.list(second)
	require.NoError(t, err)
	require.Len(t, found, 1)
	leaveSecond()
	leave()
	r.clean()
}

func TestManyClientsAtOnce(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			client, leave := r.connect()
			_, err := r.list(client)
			require.NoError(t, err)
			leave()
		})
	}
	wg.Wait()
	r.clean()
}

func TestAgentStaysUntilItsLastClientHasLeft(t *testing.T) {
	r := newRig(t)
	first, leaveFirst := r.connect()
	_, err := r.list(first)
	require.NoError(t, err)
	second, leaveSecond := r.connect()
	_, err = r.list(second)
	require.NoError(t, err)
	left := make(chan struct{})
	go func() {
		defer close(left)
		leaveFirst()
	}()
	_, err = r.save(t.Context(), second)
	require.NoError(t, err)
	select {
	case <-left:
		t.Fatal("it left before its last client")
	default:
	}
	leaveSecond()
	<-left
	r.clean()
}

func TestBusySaysWho(t *testing.T) {
	r := newRig(t)
	r.hold()
	first, second := r.client(), r.client()
	saved := make(chan error, 1)
	go func() {
		_, err := r.save(t.Context(), first)
		saved <- err
	}()
	<-r.processes.taking
	_, err := r.save(t.Context(), second)
	require.Equal(t, api.CodeBusy, api.AsError(err).Code)
	require.ErrorContains(t, err, "has been running dogear save on it")
	_, err = r.list(second)
	require.NoError(t, err, "what does not touch the workspace is answered")
	close(r.processes.goOn)
	require.NoError(t, <-saved)
	r.processes.taking = nil
	_, err = r.save(t.Context(), second)
	require.NoError(t, err)
}

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

func TestSocketOfADeadAgentIsReplaced(t *testing.T) {
	r := newRig(t)
	a, err := Open(r.options)
	require.NoError(t, err)
	require.NoError(t, a.Close(t.Context()))
	dead, err := listen(r.store)
	require.NoError(t, err)
	require.NoError(t, dead.Close())
	require.FileExists(t, filepath.Join(r.store, socketName))
	_, err = r.list(r.client())
	require.NoError(t, err)
}

func TestLockedStoreWithoutAnAgentIsAnError(t *testing.T) {
	r := newRig(t)
	silent, err := Open(r.options) // owns the store, and does not serve
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = NewConnector(r.options).Dial(ctx)
	require.Equal(t, api.CodeBusy, api.AsError(err).Code)
	require.ErrorContains(t, err, "does not answer on its socket")
	require.ErrorContains(t, err, "process")
	require.NoError(t, silent.Close(t.Context()))
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

func TestWhatTheAgentDoesNotKnowIsRefused(t *testing.T) {
	r := newRig(t)
	_, err := r.list(r.client())
	require.NoError(t, err)
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return Reach(ctx, r.store) },
	}}
	for path, want := range map[string]int{"/v1/frobnicate": http.StatusNotFound, "/v1/save": http.StatusBadRequest} {
		resp, err := client.Post("http://agent"+path, "application/json", strings.NewReader("[]"))
		require.NoError(t, err)
		require.Equal(t, want, resp.StatusCode)
		require.NoError(t, resp.Body.Close())
	}
	client.CloseIdleConnections()
}

func TestSocketInADeepDirectory(t *testing.T) {
	r := newRig(t)
	r.store = filepath.Join(r.store, strings.Repeat("deep/", 30))
	r.options.Dir = r.store
	_, err := r.list(r.client())
	require.NoError(t, err)
	info, err := os.Lstat(filepath.Join(r.store, socketName))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestKilledPauseStartsAgainWhatItStopped(t *testing.T) {
	r := newRig(t)
	a, err := Open(r.options)
	require.NoError(t, err)
	pid := startProcess(t, r.workspace.Dir, "frozen")
	ws := &kind.Workspace{Root: r.workspace.Dir}
	mark := stoppedMark(ws, process("stopped"))
	require.NoError(t, os.WriteFile(mark, nil, 0o600))
	g, err := a.newGuard("01x", snapshot.OpPause, desk{kind: ws})
	require.NoError(t, err)
	require.NoError(t, g.WillStop(process("stopped")))
	require.NoError(t, g.record(deed{Freezing: process("frozen")}, false)) // and the watchdog died too
	_, err = r.processes.Freeze(t.Context(), ws, process("frozen"))
	require.NoError(t, err)
	require.NoError(t, g.release())
	require.NoError(t, a.Close(t.Context()))

	client, leave := r.connect()
	healed, err := client.Recover(t.Context(), api.WorkspaceRequest{Workspace: r.workspace})
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

func TestSelection(t *testing.T) {
	target := &snapshot.Snapshot{ID: "01x"}
	for _, id := range []kind.ID{{Kind: "git", Name: "."}, {Kind: "git", Name: "a/b"}, {Kind: "volume", Name: "x"}} {
		target.Parts = append(target.Parts, snapshot.Part{Part: kind.Part{ID: id}})
	}
	choose := func(only, except []string) (chosen []string) {
		sel, err := selection(target, only, except)
		require.NoError(t, err)
		for _, p := range target.Parts {
			if sel(p.ID) {
				chosen = append(chosen, p.ID.String())
			}
		}
		return chosen
	}
	require.Equal(t, []string{"git/.", "git/a/b"}, choose([]string{"git/*"}, nil))
	require.Equal(t, []string{"volume/x"}, choose(nil, []string{"git/*"}))
	require.Equal(t, []string{"git/a/b"}, choose([]string{"git/*"}, []string{"git/."}))
	all, err := selection(target, nil, nil)
	require.NoError(t, err)
	require.Nil(t, all)
	for _, wrong := range []string{"git/none", "volume/x:inside"} {
		_, err := selection(target, []string{wrong}, nil)
		require.Equal(t, api.CodeUsage, api.AsError(err).Code)
	}
}

func TestFindHolder(t *testing.T) {
	locks := "1: POSIX  ADVISORY  READ 700 08:01:99 0 EOF\n2: FLOCK  ADVISORY  WRITE 708 08:01:1234 0 EOF\n"
	pid, err := findHolder(strings.NewReader(locks), "08:01:1234")
	require.NoError(t, err)
	require.Equal(t, 708, pid)
	_, err = findHolder(strings.NewReader(locks), "08:01:99")
	require.Error(t, err)
}
