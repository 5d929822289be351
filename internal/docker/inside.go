package docker

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
)

// Process is a program that runs in a container.
type Process struct {
	PID  int // on the engine's host
	UID  int // on the engine's host
	Argv string
}

// Processes lists what runs in a running container, in the order in which
// the processes were numbered.
func (e *Engine) Processes(ctx context.Context, ref string) ([]Process, error) {
	arguments := []string{"-e", "-o", "pid,uid,args"}
	if e.podman {
		arguments = []string{"hpid,huser,args"} // its own words for the columns
	}
	listed, err := e.api.ContainerTop(ctx, ref, arguments)
	if err != nil && e.hasNoControlGroups() {
		return e.processesInNamespace(ctx, ref)
	}
	if err != nil {
		return nil, gone(err)
	}
	processes := make([]Process, 0, len(listed.Processes))
	for _, fields := range listed.Processes {
		if len(fields) < 3 {
			return nil, fmt.Errorf("the engine describes a process as %q", fields)
		}
		if fields[0] == "?" || fields[1] == "?" {
			continue // Podman: it ended while it was being described
		}
		pid, perr := strconv.Atoi(fields[0])
		uid, uerr := userID(fields[1])
		if perr != nil || uerr != nil {
			return nil, fmt.Errorf("the engine describes a process as %q", fields)
		}
		processes = append(processes, Process{PID: pid, UID: uid, Argv: strings.Join(fields[2:], " ")})
	}
	slices.SortFunc(processes, func(a, b Process) int { return a.PID - b.PID })
	return processes, nil
}

// userID reads a user's number. Podman says the name, of the host's user, if
// there is one.
func userID(field string) (int, error) {
	if known, err := user.Lookup(field); err == nil {
		field = known.Uid
	}
	return strconv.Atoi(field)
}

// ReadFile reads a small file in a container, running or not, with what is
// mounted there. It returns fs.ErrNotExist if there is no such file, and
// reads no more than limit bytes.
func (e *Engine) ReadFile(ctx context.Context, ref, path string, limit int64) ([]byte, error) {
	stream, _, err := e.api.CopyFromContainer(ctx, ref, path)
	if errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("read %s: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	defer func() { _ = stream.Close() }() // read only
	archive := tar.NewReader(stream)
	header, err := archive.Next()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if header.Typeflag != tar.TypeReg {
		return nil, fmt.Errorf("read %s: not a file", path)
	}
	content, err := io.ReadAll(io.LimitReader(archive, limit))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return content, nil
}
