package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"dogear/internal/proc"
	"dogear/kind"
)

// Start refreshes the stat cache of the index, which no longer fits files
// that were written anew: without that scripts would take every one of them
// for modified. The bytes at rest have been compared by then; what the index
// means does not change, and neither do the times of index and git directory.
func (*Driver) Start(ctx context.Context, ws *kind.Workspace, part kind.Part, _ kind.Source) error {
	if stays(ws, part.Root) {
		return nil
	}
	if isApart(ws, part.Root) {
		return startApart(ctx, part.Root)
	}
	s, err := readState(part.Root)
	if err != nil {
		return err
	}
	worktrees, err := s.worktreesByDir(ctx, part.Root, ws.Root)
	if err != nil {
		return err
	}
	for gitDir, dir := range worktrees {
		if s.isFresh(gitDir, dir) {
			continue // git would lock and unlock the index for nothing
		}
		if err := refreshTimeless(ctx, filepath.Join(part.Root, gitDir), dir); err != nil {
			return fmt.Errorf("refresh the index of %s: %w", kind.Printable(dir), err)
		}
	}
	return nil
}

// refreshTimeless refreshes an index that keeps its time, and so does the
// directory that it is in. Files that were modified no earlier than their index
// are not believed to be what it says (racy git); with its own time it says as
// much of each as it did when it was captured.
func refreshTimeless(ctx context.Context, gitDir, worktree string) error {
	var restore []func() error
	for _, name := range []string{filepath.Join(gitDir, "index"), gitDir} {
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return &fs.PathError{Op: "lstat", Path: name, Err: err}
		}
		times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, st.Mtim}
		restore = append(restore, func() error {
			return unix.UtimesNanoAt(unix.AT_FDCWD, name, times, unix.AT_SYMLINK_NOFOLLOW)
		})
	}
	if err := refresh(ctx, worktree); err != nil {
		return err
	}
	for _, timely := range restore {
		if err := timely(); err != nil {
			return fmt.Errorf("set the time back: %w", err)
		}
	}
	return nil
}

// refresh lets git have its way: it ends with 1 where entries do need an
// update, and with 128 in a repository that was damaged when it was captured.
func refresh(ctx context.Context, dir string) error {
	git, err := newProgram(ctx, dir)
	if err == nil {
		_, err = git.run(ctx, "update-index", "-q", "--refresh")
	}
	var failed *proc.Error
	if errors.As(err, &failed) {
		return nil
	}
	return err
}

// worktrees lists those worktrees inside root whose index lies there too: the
// repository's own, those linked to it, and those of submodules.
func (s *state) worktrees(ctx context.Context, root string) ([]string, error) {
	if len(s.dirs) == 0 {
		return []string{root}, nil // its git directory is elsewhere
	}
	byDir, err := s.worktreesByDir(ctx, root, root)
	return slices.Sorted(maps.Values(byDir)), err
}

// worktreesByDir returns those inside limit by their git directory.
func (s *state) worktreesByDir(ctx context.Context, root, limit string) (map[string]string, error) {
	dirs := map[string]string{}
	for _, gitDir := range s.dirs {
		if _, ok := s.content(gitDir, "index"); !ok {
			continue
		}
		dir, err := s.worktreeOf(ctx, root, gitDir)
		if err != nil {
			return nil, err
		}
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil && within(limit, dir) {
			dirs[gitDir] = dir
		}
	}
	return dirs, nil
}

// worktreeOf returns where the worktree of a git directory should be: a
// linked worktree's file "gitdir" names its .git file, a submodule's
// configuration its worktree.
func (s *state) worktreeOf(ctx context.Context, root, gitDir string) (string, error) {
	full := filepath.Join(root, gitDir)
	if gitDir == ".git" {
		return root, nil
	}
	link, err := readBelowRoot(root, gitDir+"/gitdir")
	if err == nil {
		return filepath.Dir(absolute(full, strings.TrimSpace(string(link)))), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	config, err := s.config(ctx, gitDir)
	if err != nil || len(config["core.worktree"]) == 0 {
		return full, err
	}
	return absolute(full, config["core.worktree"][0]), nil
}
