// Package handles finds out who on this host has files open.
package handles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// File identifies a file, whatever names it has.
type File struct{ Dev, Ino uint64 }

// Holder is a process that has one of the files open.
type Holder struct {
	PID     int
	Program string // its name, as the kernel knows it
	File    File
}

// String is "sqlite3 (process 4711)".
func (h Holder) String() string { return fmt.Sprintf("%s (process %d)", h.Program, h.PID) }

const processes = "/proc"

// Of lists who has files open: one file for each process. Processes of
// containers are not among them, nor is this one, nor are those that this user
// may not look into.
func Of(files map[File]bool) ([]Holder, error) {
	if len(files) == 0 {
		return nil, nil
	}
	entries, err := os.ReadDir(processes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no Linux
	}
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	ours, err := namespace("self")
	if err != nil {
		return nil, fmt.Errorf("look at this process: %w", err)
	}
	var found []Holder
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if theirs, err := namespace(e.Name()); err != nil || theirs != ours {
			continue // in a container, gone, or somebody else's
		}
		if file, ok := opened(e.Name(), files); ok {
			found = append(found, Holder{PID: pid, Program: program(e.Name()), File: file})
		}
	}
	return found, nil
}

// namespace is the world of processes in which a process lives.
func namespace(pid string) (string, error) {
	return os.Readlink(filepath.Join(processes, pid, "ns", "pid"))
}

// opened returns one of the files that a process has open. One that ends
// meanwhile has none.
func opened(pid string, files map[File]bool) (File, bool) {
	dir := filepath.Join(processes, pid, "fd")
	descriptors, err := os.ReadDir(dir)
	if err != nil {
		return File{}, false
	}
	for _, d := range descriptors {
		var st unix.Stat_t
		if unix.Stat(filepath.Join(dir, d.Name()), &st) != nil {
			continue
		}
		if f := (File{st.Dev, st.Ino}); files[f] {
			return f, true
		}
	}
	return File{}, false
}

func program(pid string) string {
	name, err := os.ReadFile(filepath.Join(processes, pid, "comm"))
	if err != nil {
		return "a program"
	}
	return strings.TrimSpace(string(name))
}
