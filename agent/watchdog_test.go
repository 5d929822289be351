package agent

import (
	"encoding/json"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// inProcess starts a watchdog in this process. Closing its pipe waits for it.
func inProcess(drivers []kind.Driver, limit time.Duration) StartWatchdog {
	return func(*os.File) (io.WriteCloser, error) {
		r, w := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- guardFrozen(r, drivers, limit) }()
		return &pipedWatchdog{w, done}, nil
	}
}

type pipedWatchdog struct {
	*io.PipeWriter
	done chan error
}

func (p *pipedWatchdog) Close() error {
	_ = p.PipeWriter.Close() // never fails
	return <-p.done
}

func TestWatchdogThawsExactlyWhatIsLeft(t *testing.T) {
	ws := &kind.Workspace{Root: t.TempDir()}
	driver := &processes{}
	thawed, left, others := startProcess(t, ws.Root, "a"), startProcess(t, ws.Root, "b"), startProcess(t, ws.Root, "c")
	for _, name := range []string{"b", "c"} { // c was frozen by somebody else
		_, err := driver.Freeze(t.Context(), ws, process(name))
		require.NoError(t, err)
	}
	w := &watchdog{start: inProcess([]kind.Driver{driver}, time.Hour), ws: ws}
	require.NoError(t, w.tell(order{Frozen: process("a")}))
	require.NoError(t, w.tell(order{Frozen: process("b")}))
	require.NoError(t, w.tell(order{Thawed: process("a")}))
	eventually(t, "frozen", func() bool { return frozen(t, left) && frozen(t, others) })
	require.NoError(t, w.close())
	eventually(t, "thawed", func() bool { return !frozen(t, left) })
	require.False(t, frozen(t, thawed))
	require.True(t, frozen(t, others))
	_, err := driver.Stop(t.Context(), ws, process("c"))
	require.NoError(t, err)
}

func TestWatchdogThawsAfterTooLong(t *testing.T) {
	ws := &kind.Workspace{Root: t.TempDir()}
	driver := &processes{}
	pid := startProcess(t, ws.Root, "a")
	_, err := driver.Freeze(t.Context(), ws, process("a"))
	require.NoError(t, err)
	eventually(t, "frozen", func() bool { return frozen(t, pid) })
	w := &watchdog{start: inProcess([]kind.Driver{driver}, 20*time.Millisecond), ws: ws}
	require.NoError(t, w.tell(order{Frozen: process("a")}))
	eventually(t, "thawed", func() bool { return !frozen(t, pid) })
	require.NoError(t, w.close())
}

func TestWatchdogIgnoresWhatWasNotFinished(t *testing.T) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- RunWatchdog(r, []kind.Driver{&processes{}}) }()
	require.NoError(t, json.NewEncoder(w).Encode(order{Workspace: &wireWorkspace{Root: t.TempDir()}}))
	_, err := w.Write([]byte(`{"frozen":"process/`))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, <-done)
}

func TestWatchdogIsNotStartedForNothing(t *testing.T) {
	w := &watchdog{start: func(*os.File) (io.WriteCloser, error) { panic("not needed") }}
	require.NoError(t, w.close())
}
