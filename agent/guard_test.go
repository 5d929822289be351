package agent

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/snapshot"
)

func openGuard(t *testing.T) (*guard, string) {
	t.Helper()
	ws := &kind.Workspace{Root: t.TempDir(), Volatile: []kind.Pattern{"run"}}
	path := filepath.Join(t.TempDir(), "x.running")
	begin := beginning{Operation: snapshot.OpPause, Workspace: *toWire(ws), Snapshot: "01x"}
	g, err := newGuard(path, begin, ws, inProcess(nil, time.Hour))
	require.NoError(t, err)
	return g, path
}

func TestJournalSaysWhatIsLeft(t *testing.T) {
	g, path := openGuard(t)
	require.NoError(t, g.WillFreeze(process("a")))
	require.NoError(t, g.WillFreeze(process("b")))
	g.Thawed(process("a"))
	require.NoError(t, g.WillStop(process("c")))
	require.NoError(t, g.WillStop(process("d")))
	g.Resumed(process("c"))
	require.Error(t, g.close(errors.New("failed")))

	left, err := readGuard(path)
	require.NoError(t, err)
	require.Equal(t, snapshot.OpPause, left.Operation)
	require.Equal(t, snapshot.ID("01x"), left.Snapshot)
	require.Equal(t, []string{"run"}, left.Workspace.Volatile)
	require.Equal(t, []kind.ID{process("b")}, left.frozen)
	require.Equal(t, []kind.ID{process("d")}, left.stopped)
}

func TestJournalEndsWithItsJob(t *testing.T) {
	g, path := openGuard(t)
	require.NoError(t, g.WillStop(process("a")))
	require.NoError(t, g.close(nil)) // a pause leaves stopped what it stopped
	require.NoFileExists(t, path)

	g, path = openGuard(t)
	require.NoError(t, g.WillStop(process("a")))
	g.Resumed(process("a"))
	require.Error(t, g.close(errors.New("failed"))) // failed, and all was taken back
	require.NoFileExists(t, path)
}

func TestTornLineCountsForNothing(t *testing.T) {
	g, path := openGuard(t)
	require.NoError(t, g.WillStop(process("a")))
	require.NoError(t, g.release())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"stopping":"process/b`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	left, err := readGuard(path)
	require.NoError(t, err)
	require.Equal(t, []kind.ID{process("a")}, left.stopped)
}

func TestJournalGoesOnAfterATornLine(t *testing.T) {
	g, path := openGuard(t)
	require.NoError(t, g.WillStop(process("a")))
	_, err := g.file.WriteString(`{"stopping":"process/b`)
	require.NoError(t, err)
	require.NoError(t, g.release())

	g, err = reopenGuard(path, &kind.Workspace{Root: t.TempDir()}, inProcess(nil, time.Hour))
	require.NoError(t, err)
	require.NoError(t, g.WillStop(process("c")))
	require.NoError(t, g.release())
	left, err := readGuard(path)
	require.NoError(t, err)
	require.Equal(t, []kind.ID{process("a"), process("c")}, left.stopped)
}

func FuzzReadGuard(f *testing.F) {
	f.Add([]byte(`{"begin":{"operation":"pause"}}` + "\n" + `{"stopping":"process/a"}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "x")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		_, _ = readGuard(path) // it may refuse; it may not panic
	})
}
