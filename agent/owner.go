package agent

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"dogear/agent/api"
	"dogear/store"
)

// StoreInUse makes of an error that is store.ErrLocked one that names the
// holder, with a way out.
func StoreInUse(locked error, hint string) *api.Error {
	return &api.Error{
		Code: api.CodeBusy, Message: locked.Error(), State: "nothing has changed", Hint: hint, Owner: holderOf(locked),
	}
}

// holderOf returns who has the store open, or nil if that is not known.
func holderOf(locked error) *api.Owner {
	var e *store.LockedError
	if !errors.As(locked, &e) || e.PID == 0 {
		return nil
	}
	return &api.Owner{PID: e.PID, Command: e.Command, User: processUser(e.PID), Since: e.Since}
}

// processOwner is what the kernel says about a process. Its arguments are not
// looked at: these may hold secrets.
func processOwner(pid int) *api.Owner {
	comm, err := os.ReadFile(procFile(pid, "comm"))
	if err != nil {
		return &api.Owner{PID: pid}
	}
	return &api.Owner{PID: pid, Command: strings.TrimSpace(string(comm)), User: processUser(pid), Since: processStart(pid)}
}

// describeOwner names a process, its program, its user and its age.
func describeOwner(o *api.Owner) string {
	text := "process " + strconv.Itoa(o.PID)
	if !o.Since.IsZero() {
		text += ", started " + o.Since.Local().Format(time.DateTime)
	}
	if o.Command != "" {
		text = fmt.Sprintf("%s (%s)", o.Command, text)
	}
	if o.User != "" {
		text += " of " + o.User
	}
	return text
}

func processUser(pid int) string {
	var st unix.Stat_t
	if err := unix.Stat(procFile(pid, ""), &st); err != nil {
		return ""
	}
	return userName(int(st.Uid))
}

// Of proc_pid_stat(5): the field that says when a process started, counted
// from the one after its name, in hundredths of a second since the boot.
const (
	startField = 22 - 3
	tick       = time.Second / 100
)

// processStart returns when a process started, to the second, or zero.
func processStart(pid int) time.Time {
	content, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return time.Time{}
	}
	fields := bytes.Fields(content[bytes.LastIndexByte(content, ')')+1:])
	if len(fields) <= startField {
		return time.Time{}
	}
	ticks, err := strconv.ParseInt(string(fields[startField]), 10, 64)
	var now unix.Timespec
	if err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return time.Time{}
	}
	age := time.Duration(now.Nano()) - time.Duration(ticks)*tick
	return time.Now().Add(-age).Round(time.Second)
}

func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}
