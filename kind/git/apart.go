package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"dogear/kind"
)

// A linked worktree outside the workspace is captured with its repository, as
// an item of its own, and restored only if -o git.outside-worktrees=true asks
// for it: it may well be where somebody is at work. The repository, which holds
// its HEAD and index, has a claim on it: that tells later which worktrees a
// snapshot has the files of.

// addApart adds the linked worktrees outside the workspace.
func addApart(ws *kind.Workspace, items []kind.Item) ([]kind.Item, error) {
	for i := range items {
		worktrees, err := apartOf(ws, items[i].Root)
		if err != nil {
			return nil, err
		}
		for _, root := range worktrees {
			item, err := newItem(ws, root)
			if err != nil {
				return nil, err
			}
			item.Apart, item.Needs = true, []kind.ID{items[i].ID}
			items[i].Claims = append(items[i].Claims, kind.Claim{On: item.ID})
			items = append(items, item)
		}
	}
	return items, nil
}

// apartOf lists the linked worktrees of a repository outside the workspace,
// where both ends of the link are.
func apartOf(ws *kind.Workspace, root string) ([]string, error) {
	dirs, err := gitDirs(root)
	if err != nil {
		return nil, err
	}
	var roots []string
	for _, dir := range dirs {
		link, err := readBelowRoot(root, dir+"/gitdir")
		if err != nil {
			continue // no linked worktree, or none that can be read: the tree engine says so
		}
		full := filepath.Join(root, dir)
		file := absolute(full, strings.TrimSpace(string(link)))
		worktree := filepath.Dir(file)
		if within(ws.Root, file) || within(worktree, ws.Root) {
			continue
		}
		if back, err := linkTarget(file); err == nil && back == absolute(full, ".") {
			roots = append(roots, worktree)
		}
	}
	return roots, nil
}

// isApart reports whether a root lies outside the workspace.
func isApart(ws *kind.Workspace, root string) bool { return !within(ws.Root, root) }

// stays reports whether what is at a root is to be left as it is.
func stays(ws *kind.Workspace, root string) bool {
	return isApart(ws, root) && !isSet(ws, outsideWorktrees)
}

// errOccupied says that something that nobody has captured is where a linked
// worktree was.
var errOccupied = errors.New("there is something else now, which no snapshot has; move it away")

// roomFor makes sure that a worktree outside can be restored: it is still
// there, or nothing is.
func roomFor(ws *kind.Workspace, root string) error {
	if !isApart(ws, root) {
		return nil
	}
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	target, err := linkTarget(filepath.Join(root, ".git"))
	if err != nil || !within(ws.Root, target) {
		return fmt.Errorf("%s: %w", kind.Printable(root), errOccupied)
	}
	return nil
}

// gitDirElsewhere is what the repository in the workspace has of a linked
// worktree outside, if it is there.
func gitDirElsewhere(ws *kind.Workspace, root string) []string {
	target, err := linkTarget(filepath.Join(root, ".git"))
	if err != nil || !isApart(ws, root) || !within(ws.Root, target) {
		return nil
	}
	if _, err := os.Lstat(target); err != nil {
		return nil
	}
	return []string{target}
}

// removeApart takes away a linked worktree that a restore has made: its files,
// and what its repository knows of it.
func removeApart(ws *kind.Workspace, root string) error {
	target, err := linkTarget(filepath.Join(root, ".git"))
	if err != nil {
		return err
	}
	if !within(ws.Root, target) || filepath.Base(filepath.Dir(target)) != "worktrees" {
		return fmt.Errorf("%s is no linked worktree of the workspace", root)
	}
	return errors.Join(os.RemoveAll(root), os.RemoveAll(target))
}

// startApart refreshes the index of a linked worktree outside.
func startApart(ctx context.Context, root string) error {
	if err := refresh(ctx, root); err != nil {
		return fmt.Errorf("refresh the index of %s: %w", kind.Printable(root), err)
	}
	return nil
}
