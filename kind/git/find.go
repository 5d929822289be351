package git

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"dogear/internal/tree"
	"dogear/kind"
)

// Find returns the repositories with a worktree in the workspace, also those
// inside other repositories, and their linked worktrees outside of it. A
// worktree whose .git is a file is one of them only if the repository that the
// file names lies outside the workspace.
func (d *Driver) Find(ctx context.Context, ws *kind.Workspace, _ []kind.Item) ([]kind.Item, error) {
	roots, err := findRoots(ctx, ws)
	if err != nil {
		return nil, err
	}
	items := make([]kind.Item, 0, len(roots))
	for _, root := range roots {
		item, err := newItem(ws, root)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	if items, err = addApart(ws, items); err != nil {
		return nil, err
	}
	slices.SortFunc(items, func(a, b kind.Item) int { return a.ID.Compare(b.ID) })
	needInner(items)
	return items, nil
}

// needInner has inner repositories restored before those around them, which
// then set the attributes of the directories on the way.
func needInner(items []kind.Item) {
	for i := range items {
		for _, inner := range items {
			if inner.ID != items[i].ID && within(items[i].Root, inner.Root) {
				items[i].Needs = append(items[i].Needs, inner.ID)
			}
		}
	}
}

func newItem(ws *kind.Workspace, root string) (kind.Item, error) {
	rel, err := filepath.Rel(ws.Root, root)
	if err != nil {
		return kind.Item{}, err
	}
	item := kind.Item{ID: kind.ID{Kind: "git", Name: filepath.ToSlash(rel)}, Root: root}
	dirs, err := gitDirs(root)
	if err != nil {
		return kind.Item{}, err
	}
	if len(dirs) > 0 {
		item.Claims = []kind.Claim{{On: item.ID, Paths: claimed(dirs)}}
	}
	return item, nil
}

// findRoots lists the worktrees in a workspace.
func findRoots(ctx context.Context, ws *kind.Workspace) ([]string, error) {
	sightings, err := tree.Survey(ctx, ws)
	if err != nil {
		return nil, err
	}
	var roots []string
	for _, s := range sightings {
		if path.Base(s.Path) != ".git" {
			continue
		}
		if name := filepath.Join(ws.Root, s.Path); isWorktree(ws.Root, name, s.Type) {
			roots = append(roots, filepath.Dir(name))
		}
	}
	return roots, nil
}

func skip(entry fs.DirEntry) error {
	if entry.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func isWorktree(workspace, name string, found tree.Type) bool {
	if found == tree.Folder {
		return isGitDir(name)
	}
	target, err := linkTarget(name)
	return err == nil && !within(workspace, target)
}

// isGitDir applies git's own rule for what a git directory is.
func isGitDir(dir string) bool {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// linkTarget returns the git directory that a .git file names.
func linkTarget(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	target, ok := strings.CutPrefix(strings.TrimRight(string(content), "\r\n"), "gitdir: ")
	if !ok {
		return "", errors.New("not a link to a git directory")
	}
	return absolute(filepath.Dir(file), target), nil
}

func absolute(dir, name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	if resolved, err := filepath.EvalSymlinks(name); err == nil {
		return resolved
	}
	return filepath.Clean(name)
}

func within(dir, name string) bool {
	rel, err := filepath.Rel(dir, name)
	return err == nil && filepath.IsLocal(rel)
}
