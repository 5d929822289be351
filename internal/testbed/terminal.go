package testbed

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Terminal is a terminal that a program runs on, as its only one.
type Terminal struct {
	t      testing.TB
	cmd    *exec.Cmd
	master *os.File
	read   chan struct{} // closed when there is nothing to be read any more

	mu    sync.Mutex
	shown bytes.Buffer // guarded by mu
}

// OnTerminal starts a program on a terminal of its own.
func OnTerminal(t testing.TB, cmd *exec.Cmd) *Terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	number := unlock(t, master)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, cmd.Start())
	require.NoError(t, slave.Close())
	term := &Terminal{t: t, cmd: cmd, master: master, read: make(chan struct{})}
	go term.copy()
	return term
}

// unlock lets the other end be opened, and returns its number. The file stays
// one that can be closed while somebody reads from it, which Fd would end.
func unlock(t testing.TB, master *os.File) (number int) {
	t.Helper()
	raw, err := master.SyscallConn()
	require.NoError(t, err)
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
		failed = errors.Join(failed, unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 160}))
	}))
	require.NoError(t, failed)
	return number
}

func (m *Terminal) copy() {
	defer close(m.read)
	buf := make([]byte, 4096)
	for {
		n, err := m.master.Read(buf)
		m.mu.Lock()
		m.shown.Write(buf[:n])
		m.mu.Unlock()
		if err != nil { // nobody has it open any more
			return
		}
	}
}

// Shown returns all that was printed so far.
func (m *Terminal) Shown() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shown.String()
}

// Await waits until some text was printed.
func (m *Terminal) Await(limit time.Duration, text string) {
	m.t.Helper()
	for deadline := time.Now().Add(limit); !strings.Contains(m.Shown(), text); time.Sleep(20 * time.Millisecond) {
		require.True(m.t, time.Now().Before(deadline), "after %s there is no %q in:\n%s", limit, text, m.Shown())
	}
}

// Type enters what a person would type.
func (m *Terminal) Type(text string) {
	m.t.Helper()
	_, err := m.master.WriteString(text)
	require.NoError(m.t, err)
}

// Close closes the terminal, as a window is closed: whoever runs on it is told.
func (m *Terminal) Close() {
	m.t.Helper()
	require.NoError(m.t, m.master.Close())
}

// Wait waits for the end of the program and returns its exit code, -1 if it was
// killed.
func (m *Terminal) Wait() int {
	m.t.Helper()
	var exit *exec.ExitError
	if err := m.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		require.NoError(m.t, err)
	}
	<-m.read
	_ = m.master.Close() // it may be closed
	return m.cmd.ProcessState.ExitCode()
}
