package agent

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/kind/files"
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
		Dir: r.store, Command: "dogear test", Drivers: drivers, Now: time.Now, NewID: NewIDs(time.Now),
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
