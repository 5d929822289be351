package agent

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"dogear/agent/api"
)

// workspaceLock keeps agents of other stores and other users away from a
// workspace. It locks the workspace's directory itself: nothing is left
// behind, and nobody needs a common place for lock files.
type workspaceLock struct{ dir *os.File }

func lockWorkspace(root string) (*workspaceLock, error) {
	dir, err := os.Open(root)
	if err != nil {
		return nil, fmt.Errorf("open workspace: %w", err)
	}
	err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil, errors.Join(busyElsewhere(root), dir.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock workspace: %w", err), dir.Close())
	}
	return &workspaceLock{dir: dir}, nil
}

func (l *workspaceLock) release() { _ = l.dir.Close() } // opened for reading: nothing can be lost

func busyElsewhere(root string) error {
	who := "another process"
	var owner *api.Owner
	if pid, err := lockHolder(root); err == nil {
		owner = processOwner(pid)
		who = describeOwner(owner)
	}
	return &api.Error{
		Code:    api.CodeBusy,
		Message: fmt.Sprintf("%s is busy: %s is at work on it, with another store", root, who),
		State:   "nothing has changed",
		Hint:    "wait until it is done",
		Owner:   owner,
	}
}

// lockHolder finds the process that holds the lock on a directory, in
// /proc/locks (see proc_locks(5)).
func lockHolder(root string) (int, error) {
	var st unix.Stat_t
	if err := unix.Stat(root, &st); err != nil {
		return 0, fmt.Errorf("stat workspace: %w", err)
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return 0, fmt.Errorf("read locks: %w", err)
	}
	pid, err := findHolder(locks, fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino))
	return pid, errors.Join(err, locks.Close())
}

// findHolder reads lines like "1: FLOCK  ADVISORY  WRITE 708 08:01:1234 0 EOF".
func findHolder(locks io.Reader, inode string) (int, error) {
	lines := bufio.NewScanner(locks)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) >= 6 && f[1] == "FLOCK" && f[5] == inode {
			return strconv.Atoi(f[4])
		}
	}
	return 0, errors.Join(lines.Err(), errors.New("nobody holds the lock"))
}
