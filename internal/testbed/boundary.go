package testbed

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// writing are the system calls that change what is on a disk.
var writing = []uint64{
	unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE,
	unix.SYS_COPY_FILE_RANGE, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT, unix.SYS_LINKAT, unix.SYS_SYMLINKAT,
	unix.SYS_MKDIRAT, unix.SYS_MKNODAT, unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT,
	unix.SYS_UTIMENSAT, unix.SYS_FSETXATTR, unix.SYS_LSETXATTR,
}

// Boundaries counts how often a program and its children are about to change what is on a disk.
func Boundaries(t testing.TB, cmd *exec.Cmd) int {
	t.Helper()
	count := 0
	AtBoundaries(t, cmd, func(int) error { count++; return nil })
	return count
}

// KillAt runs a program and kills it right before it or a child changes what is on a disk for the nth time. It
// reports whether it came to that.
func KillAt(t testing.TB, cmd *exec.Cmd, n int) bool {
	t.Helper()
	return SignalAt(t, cmd, unix.SIGKILL, n)
}

// SignalAt is KillAt with any signal, at one or several such moments.
func SignalAt(t testing.TB, cmd *exec.Cmd, signal unix.Signal, moments ...int) bool {
	t.Helper()
	sent := false
	trace(t, cmd, func(i int) error {
		if !slices.Contains(moments, i) {
			return nil
		}
		sent = true
		return cmd.Process.Signal(signal)
	})
	return sent
}

// SignalWhen is KillAt with any signal, at the first such moment at which something holds. It may ask about a program that
// stands still, and reports whether it came to that.
func SignalWhen(t testing.TB, cmd *exec.Cmd, signal unix.Signal, holds func() bool) bool {
	t.Helper()
	sent := false
	trace(t, cmd, func(int) error {
		if sent || !holds() {
			return nil
		}
		sent = true
		return cmd.Process.Signal(signal)
	})
	return sent
}

// AtBoundaries runs a program, which has to succeed, and calls f right before it or a child changes what is on a disk,
// with the number of the change, from 1. Who is about to change something waits for f, others go on.
func AtBoundaries(t testing.TB, cmd *exec.Cmd, f func(n int) error) {
	t.Helper()
	trace(t, cmd, f)
	require.True(t, cmd.ProcessState.Success(), "%s: %s", cmd, cmd.ProcessState)
}

// trace runs the program under ptrace. All of that happens on one thread, which ends with it: what else is traced
// then is let go. A thread that was just made begins with a SIGSTOP, though, which is the tracer's to take; if that is
// gone it stops the whole process, such as a watchdog, so that is told to go on.
func trace(t testing.TB, cmd *exec.Cmd, f func(n int) error) {
	t.Helper()
	tr := tracer{at: f, known: make(map[int]bool)}
	done := make(chan error)
	thread := make(chan int, 1)
	onThreadThatEnds(func() {
		thread <- unix.Gettid()
		done <- tr.run(cmd)
	})
	err := <-done
	task := fmt.Sprintf("/proc/self/task/%d", <-thread)
	Eventually(t, time.Minute, "the tracer ends", func() bool {
		_, err := os.Stat(task)
		return errors.Is(err, os.ErrNotExist)
	})
	for pid := range tr.known {
		_ = unix.Kill(pid, unix.SIGCONT) // it may have ended
	}
	require.NoError(t, err)
}

// onThreadThatEnds calls f on a thread of its own, which ends with f. The first thread of a program never does.
func onThreadThatEnds(f func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		begun := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(begun)
			f()
		}()
		<-begun
		runtime.UnlockOSThread()
	}()
}

type tracer struct {
	main   int
	at     func(n int) error
	count  int
	known  map[int]bool // threads that have been seen, and did not end
	failed error        // what at returned
}

const traceOptions = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK |
	unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC

func (tr *tracer) run(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &unix.SysProcAttr{}
	}
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		return err
	}
	tr.main = cmd.Process.Pid
	for {
		var info unix.Siginfo
		// Only threads that this one traces; the program itself is left for cmd.Wait to reap.
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT|unix.WALL|unix.WNOTHREAD, nil)
		if err != nil {
			return fmt.Errorf("wait: %w", err)
		}
		pid, code := sigchld(&info)
		if pid == tr.main && code != childTrapped && code != childStopped {
			_ = cmd.Wait() // the caller looks at the state
			return tr.failed
		}
		// Who was killed since then has no stop to tell of any more, and may have to wait for its other threads.
		var status unix.WaitStatus
		told, err := unix.Wait4(pid, &status, unix.WALL|unix.WNOTHREAD|unix.WNOHANG, nil)
		if err != nil {
			return fmt.Errorf("wait for %d: %w", pid, err)
		}
		switch {
		case told == pid && status.Stopped():
			tr.stopped(pid, status)
		case told == pid:
			delete(tr.known, pid)
		}
	}
}

// Codes of a SIGCHLD.
const (
	childTrapped = 4
	childStopped = 5
)

// sigchld returns whom a SIGCHLD is about, and what happened.
func sigchld(info *unix.Siginfo) (pid int, code int32) {
	const pidAt = 16 // after three numbers and a gap, on machines of 64 bits
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), pidAt))), info.Code
}

// stopped looks at why a thread has stopped and lets it go on.
func (tr *tracer) stopped(pid int, status unix.WaitStatus) {
	deliver := 0
	switch signal := status.StopSignal(); {
	case !tr.known[pid]:
		tr.known[pid] = true // a new thread begins with a stop
		if pid == tr.main {
			_ = unix.PtraceSetOptions(pid, traceOptions)
		}
	case signal == unix.SIGTRAP|0x80:
		tr.call(pid)
	case signal != unix.SIGTRAP:
		deliver = int(signal)
	}
	_ = unix.PtraceSyscall(pid, deliver) // it may have been killed
}

// callInfo is struct ptrace_syscall_info as it is at the entry of a call.
type callInfo struct {
	op                 uint8
	_                  [3]uint8
	arch               uint32
	instruction, stack uint64
	number             uint64
	args               [6]uint64
}

const (
	getSyscallInfo = 0x420e // PTRACE_GET_SYSCALL_INFO
	entry          = 1      // PTRACE_SYSCALL_INFO_ENTRY
)

func (tr *tracer) call(pid int) {
	var info callInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(pid), unsafe.Sizeof(info),
		uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 || info.op != entry || !slices.Contains(writing, info.number) {
		return
	}
	if info.number == unix.SYS_WRITE && !isFile(pid, info.args[0]) {
		return
	}
	tr.count++
	tr.failed = errors.Join(tr.failed, tr.at(tr.count))
}

// isFile tells files from pipes and sockets.
func isFile(pid int, descriptor uint64) bool {
	target, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "fd", strconv.FormatUint(descriptor, 10)))
	return err == nil && filepath.IsAbs(target) && filepath.Dir(target) != "/dev"
}
