package docker

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// HearsStop reports whether the main process of a running container does
// anything at its stop signal. The kernel drops a signal that the first
// process of a PID namespace does not handle: to such a container a stop is a
// kill, however long it is given. If in doubt it hears.
func (e *Engine) HearsStop(c *Container) bool {
	signal, ok := stopSignal(c.Config.Text("StopSignal"))
	if !ok || !e.Local() || c.HostConfig.Text("PidMode") != "" || !runsIn(c.State.Pid, c.ID) {
		return true
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.State.Pid))
	if err != nil {
		return true
	}
	// Blocked counts: init programs wait for blocked signals (sigtimedwait).
	return signalMask(string(status), "SigCgt")|signalMask(string(status), "SigBlk")&(1<<(signal-1)) != 0
}

// runsIn confirms that a process of this host is one of the container's.
func runsIn(pid int, container string) bool {
	cgroup, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	return err == nil && strings.Contains(string(cgroup), container)
}

func stopSignal(name string) (int, bool) {
	if name == "" {
		return int(unix.SIGTERM), true
	}
	if n, err := strconv.Atoi(name); err == nil {
		return n, n > 0 && n < 65
	}
	n := int(unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")))
	return n, n > 0
}

func signalMask(status, field string) uint64 {
	_, rest, _ := strings.Cut(status, field+":")
	line, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return ^uint64(0)
	}
	return mask
}
