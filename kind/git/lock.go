package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Git commands that change a repository create these files first, and give up
// if they are there.
var lockNames = []string{"index.lock", "HEAD.lock", "packed-refs.lock"}

// lockMark is what a lock that Dogear has made contains. A restore that was
// killed leaves such locks, and the next one takes them over.
const lockMark = "dogear\n"

const lockInterval = 50 * time.Millisecond

// locks are those that this process holds in a repository, by path.
type locks struct{ held []string }

// takeLocks locks git directories, so that a git command started meanwhile
// fails instead of meeting a half-restored repository. It waits a little for a
// command that runs. A lock of others is never removed.
func takeLocks(ctx context.Context, root string, dirs []string, patience time.Duration) (*locks, error) {
	l := &locks{}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, dir := range dirs {
		for _, name := range lockNames {
			path := filepath.Join(root, dir, name)
			if err := l.take(ctx, path); err != nil {
				return nil, errors.Join(err, l.release())
			}
			l.held = append(l.held, path)
		}
		if err := dropWorkIndex(ctx, root, dir); err != nil {
			return nil, errors.Join(err, l.release())
		}
	}
	return l, nil
}

// dropWorkIndex removes what a clearing that was killed left of its git
// command, once that has ended. The index itself is locked by us.
func dropWorkIndex(ctx context.Context, root, dir string) error {
	path := filepath.Join(root, dir, workIndex+".lock")
	for holder(path) != "" {
		if !pauseFor(ctx, lockInterval) {
			return lockedError(path)
		}
	}
	return ignoreMissing(os.Remove(path))
}

func (l *locks) take(ctx context.Context, path string) error {
	for {
		err := createLock(path)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		if isOurs(path) {
			return nil
		}
		if !pauseFor(ctx, lockInterval) {
			return lockedError(path)
		}
	}
}

// createLock makes a lock appear with its mark in it: an empty one, left by a
// restore that was killed in between, would count as that of a git command. The
// directory keeps its time.
func createLock(path string) error {
	return quietly(filepath.Dir(path), func() error { return createFilled(path, lockMark) })
}

// createFilled makes a file appear with all of its content, if there is none.
func createFilled(path, content string) error {
	fd, err := unix.Open(filepath.Dir(path), unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return createNamed(path, content)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	return fillAndLink(os.NewFile(uintptr(fd), path), path, content)
}

func fillAndLink(f *os.File, path, content string) (err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteString(content); err != nil {
		return err
	}
	unnamed := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	return unix.Linkat(unix.AT_FDCWD, unnamed, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
}

// createNamed is for file systems that know no files without a name.
func createNamed(path, content string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteString(content)
	return err
}

// release removes the locks. The directory's time stays what the restore has
// made it.
func (l *locks) release() error {
	var errs []error
	for _, path := range slices.Backward(l.held) {
		errs = append(errs, removeQuietly(path))
	}
	l.held = nil
	return errors.Join(errs...)
}

// releaseLeft removes the locks of a restore that was killed.
func releaseLeft(ctx context.Context, root string) error {
	dirs, err := gitDirs(root)
	if err != nil {
		return err
	}
	l := &locks{held: ownGuards(root, dirs)}
	for _, dir := range dirs {
		for _, name := range lockNames {
			if path := filepath.Join(root, dir, name); isOurs(path) {
				l.held = append(l.held, path)
			}
		}
		if err := dropWorkIndex(ctx, root, dir); err != nil {
			return err
		}
	}
	return l.release()
}

// isOurs reports whether a lock was made by Dogear.
func isOurs(path string) bool {
	content, err := os.ReadFile(path)
	return err == nil && string(content) == lockMark
}

func removeQuietly(path string) error {
	err := quietly(filepath.Dir(path), func() error { return os.Remove(path) })
	return ignoreMissing(err)
}

// quietly lets a directory that is changed keep its time, if it is ours.
func quietly(dir string, change func() error) error {
	var before unix.Stat_t
	if err := unix.Lstat(dir, &before); err != nil {
		return &fs.PathError{Op: "lstat", Path: dir, Err: err}
	}
	if err := change(); err != nil {
		return err
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, before.Mtim}
	err := unix.UtimesNanoAt(unix.AT_FDCWD, dir, times, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.EPERM) {
		return nil
	}
	return err
}

// awaitGit waits until no running git command holds a lock. It returns the
// locks that nobody holds, which killed commands (and editors waited for)
// leave.
func awaitGit(ctx context.Context, root string, dirs []string, patience time.Duration) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		found, err := presentLocks(root, dirs)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(found, func(path string) bool { return holder(filepath.Join(root, path)) != "" })
		if at < 0 {
			return found, nil
		}
		if !pauseFor(ctx, lockInterval) {
			return nil, lockedError(filepath.Join(root, found[at]))
		}
	}
}

// presentLocks lists the locks in the git directories, relative to root. Not
// that of a garbage collection: it may take minutes, and changes no state.
func presentLocks(root string, dirs []string) ([]string, error) {
	var found []string
	for _, dir := range dirs {
		for _, name := range append([]string{"config.lock"}, lockNames...) {
			_, err := os.Lstat(filepath.Join(root, dir, name))
			switch {
			case err == nil:
				found = append(found, filepath.Join(dir, name))
			case !errors.Is(err, fs.ErrNotExist):
				return nil, err
			}
		}
	}
	return found, nil
}

// lockConflicts lists the locks that stand in the way of a restore now.
func lockConflicts(root string) ([]string, error) {
	dirs, err := gitDirs(root)
	if err != nil {
		return nil, err
	}
	var conflicts []string
	for _, dir := range dirs {
		for _, name := range lockNames {
			path := filepath.Join(root, dir, name)
			if _, err := os.Lstat(path); err == nil && !isOurs(path) {
				conflicts = append(conflicts, lockedError(path).Error())
			}
		}
	}
	return conflicts, nil
}

func lockedError(path string) error {
	if who := holder(path); who != "" {
		return fmt.Errorf("git is at work in this repository: %s holds %s", who, path)
	}
	return fmt.Errorf("%s exists, and no process has it open: end the git command that waits for you, or remove the file if none runs", path)
}

// holder names a process that has a file open, or returns "".
func holder(path string) string {
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is well-formed
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err != nil || target != path {
			continue
		}
		process := filepath.Dir(filepath.Dir(fd))
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil || pid == os.Getpid() {
			continue
		}
		name, _ := os.ReadFile(filepath.Join(process, "comm"))
		return fmt.Sprintf("%s (pid %d)", bytes.TrimSpace(name), pid)
	}
	return ""
}

// pauseFor waits, and reports false if the context ends first.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
