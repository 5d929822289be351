package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// processes is a driver of real processes, which can be frozen and stopped
// like containers. Each item is a file NAME.pid in the workspace.
type processes struct {
	// taking is told when a capture is in its frozen phase, which then lasts
	// until go on.
	taking chan struct{}
	goOn   chan struct{}
	broken error // of every Restore
	blind  error // of every capture
	needs  []kind.ID
}

var (
	_ kind.Driver  = (*processes)(nil)
	_ kind.Freezer = (*processes)(nil)
	_ kind.Stopper = (*processes)(nil)
)

func (p *processes) Kind() string { return "process" }

func (p *processes) Find(_ context.Context, ws *kind.Workspace, _ []kind.Item) ([]kind.Item, error) {
	files, err := filepath.Glob(filepath.Join(ws.Root, "*.pid"))
	var items []kind.Item
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".pid")
		items = append(items, kind.Item{ID: process(name), Needs: p.needs})
	}
	return items, err
}

func process(name string) kind.ID { return kind.ID{Kind: "process", Name: name} }

func (p *processes) Inspect(_ context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	return state(ws, item.ID)
}

// state is the one fact of an item: the content of a file.
func state(ws *kind.Workspace, id kind.ID) kind.Facts {
	content, err := os.ReadFile(statePath(ws, id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return kind.FailedFacts(err)
	}
	return kind.Stream([]kind.Fact{{Name: "state", Value: string(content)}})
}

func statePath(ws *kind.Workspace, id kind.ID) string {
	return filepath.Join(ws.Root, id.Name+".state")
}

func (p *processes) Open(_ context.Context, ws *kind.Workspace, item kind.Item, _ kind.Sink) (kind.Capture, error) {
	return &processCapture{driver: p, ws: ws, item: item}, nil
}

// Restore fails as long as it is told to.
func (p *processes) Restore(context.Context, *kind.Workspace, kind.Part, kind.Source) error {
	return p.broken
}

func (p *processes) Freeze(_ context.Context, ws *kind.Workspace, id kind.ID) (bool, error) {
	return true, signalProcess(ws, id, syscall.SIGSTOP)
}

func (p *processes) Thaw(_ context.Context, ws *kind.Workspace, id kind.ID) error {
	return signalProcess(ws, id, syscall.SIGCONT)
}

func (p *processes) Incarnation(_ context.Context, ws *kind.Workspace, id kind.ID) (string, error) {
	pid, err := pidOf(ws, id)
	content, gone := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if _, state, _ := strings.Cut(string(content), ") "); gone != nil || strings.HasPrefix(state, "Z") {
		return "", err
	}
	return strconv.Itoa(pid), err
}

func (p *processes) Stop(_ context.Context, ws *kind.Workspace, id kind.ID) (bool, error) {
	return true, errors.Join(signalProcess(ws, id, syscall.SIGKILL), os.WriteFile(stoppedMark(ws, id), nil, 0o600))
}

func (p *processes) Resume(_ context.Context, ws *kind.Workspace, id kind.ID) error {
	return os.Remove(stoppedMark(ws, id))
}

func (p *processes) StopsLast(context.Context, *kind.Workspace, kind.ID) (bool, error) {
	return false, nil
}

// stoppedMark is a file that is there while the item is stopped.
func stoppedMark(ws *kind.Workspace, id kind.ID) string {
	return filepath.Join(ws.Root, id.Name+".stopped")
}

func pidOf(ws *kind.Workspace, id kind.ID) (int, error) {
	content, err := os.ReadFile(filepath.Join(ws.Root, id.Name+".pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(content)))
}

func signalProcess(ws *kind.Workspace, id kind.ID, s syscall.Signal) error {
	pid, err := pidOf(ws, id)
	if err != nil {
		return err
	}
	return syscall.Kill(pid, s)
}

type processCapture struct {
	driver *processes
	ws     *kind.Workspace
	item   kind.Item
}

func (c *processCapture) Take(ctx context.Context) error {
	if c.driver.taking == nil {
		return c.driver.blind
	}
	select {
	case c.driver.taking <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-c.driver.goOn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *processCapture) Finish(context.Context) (kind.Part, error) {
	return kind.Part{ID: c.item.ID, Facts: state(c.ws, c.item.ID)}, nil
}

func (c *processCapture) Close() error { return nil }

// startProcess starts a process that belongs to the workspace.
func startProcess(t *testing.T, root, name string) int {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // Stop may have ended it
		_ = cmd.Wait()
	})
	require.NoError(t, os.WriteFile(filepath.Join(root, name+".pid"), fmt.Append(nil, cmd.Process.Pid), 0o600))
	return cmd.Process.Pid
}

// frozen reports whether a process is stopped by a signal: proc_pid_stat(5).
func frozen(t *testing.T, pid int) bool {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, state, _ := strings.Cut(string(content), ") ")
	return strings.HasPrefix(state, "T")
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 10*time.Second, 5*time.Millisecond, what)
}
