package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// hasNoControlGroups reports whether the engine runs without: as Docker does
// that runs neither as root nor under systemd. It then freezes nothing and cannot
// tell what runs in a container.
func (e *Engine) hasNoControlGroups() bool { return e.info.CgroupDriver == "none" }

// processesInNamespace lists what runs in the namespace of process numbers of a
// container of this host.
func (e *Engine) processesInNamespace(ctx context.Context, ref string) ([]Process, error) {
	c, err := e.Container(ctx, ref)
	if err != nil {
		return nil, err
	}
	if !e.Local() || c.State.Pid == 0 {
		return nil, errors.New("the engine has no control groups, and so cannot tell")
	}
	space, err := os.Readlink(namespaceOf(strconv.Itoa(c.State.Pid)))
	if err != nil {
		return nil, fmt.Errorf("look at its main process: %w", err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var processes []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// What may not be looked at is in another one, and what is gone in none.
		if in, err := os.Readlink(namespaceOf(entry.Name())); err != nil || in != space {
			continue
		}
		p, err := readProcess(pid)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return nil, err
		}
		processes = append(processes, p)
	}
	slices.SortFunc(processes, func(a, b Process) int { return a.PID - b.PID })
	return processes, nil
}

func namespaceOf(pid string) string { return filepath.Join("/proc", pid, "ns/pid") }

func readProcess(pid int) (Process, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return Process{}, err
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return Process{}, err
	}
	p := Process{PID: pid, Argv: strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))}
	for line := range strings.Lines(string(status)) {
		// Real, effective, saved, and for files.
		if ids, ok := strings.CutPrefix(line, "Uid:"); ok && len(strings.Fields(ids)) > 1 {
			p.UID, err = strconv.Atoi(strings.Fields(ids)[1])
		}
	}
	return p, err
}
