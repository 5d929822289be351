package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"dogear/internal/tree"
	"dogear/kind"
)

// guardName is the file that keeps "git worktree prune", and with it every gc,
// from a linked worktree (git-worktree(1)). In the middle of a restore its
// files or its registration may be away or half there, and prune would delete
// the registration, with HEAD and index.
const guardName = "locked"

// guardTries is how often the directory of a registration is made again that
// prune has taken away before the guard was in it.
const guardTries = 10

// guard keeps the linked worktrees of the repository from being pruned, until
// the locks are released. A guard that the part has comes back as such; any
// other that is there already counts, and goes at the end.
func (t *target) guard(ctx context.Context, root string, refsAlone bool) (*locks, error) {
	l := &locks{}
	if refsAlone {
		return l, nil
	}
	guards, err := t.guards(ctx)
	if err != nil {
		return nil, err
	}
	for dir, captured := range guards {
		if !canGuard(filepath.Join(root, dir)) {
			continue
		}
		name := path.Join(dir, guardName)
		if captured != nil {
			err = t.putGuard(ctx, filepath.Join(root, name), *captured)
		} else if err = l.guard(filepath.Join(root, dir), t.narrow()); err == nil {
			t.opts.Skip = append(t.opts.Skip, kind.Pattern(literal(name)))
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("keep %s from being pruned: %w", kind.Printable(dir), err), l.release())
		}
	}
	return l, nil
}

// canGuard reports whether a linked worktree is, or can be, registered at dir.
// Where there is no repository git refuses to work anyway, and where something
// else is in the way prune does nothing.
func canGuard(dir string) bool {
	all := filepath.Dir(dir)
	for _, name := range []string{all, dir} {
		if info, err := os.Lstat(name); err == nil && !info.IsDir() {
			return false
		}
	}
	return isGitDir(filepath.Dir(all))
}

// narrow reports whether the target is about some of the worktree alone.
func (t *target) narrow() bool { return len(t.opts.Within) > 0 }

// guards lists the registrations of linked worktrees that the part has and
// that are restored, each with the guard that it had, or nil.
func (t *target) guards(ctx context.Context) (map[string]*tree.Entry, error) {
	found, had := map[string]*tree.Entry{}, map[string]*tree.Entry{}
	for e, err := range gitEntries(tree.ReadManifest(ctx, t.source, t.manifest)) {
		if err != nil {
			return nil, err
		}
		dir, base := path.Split(e.Path)
		dir = path.Clean(dir)
		switch {
		case path.Base(path.Dir(dir)) != "worktrees" || t.foreign.has(dir):
		case base == "gitdir":
			found[dir] = nil
		case base == guardName:
			had[dir] = &e
		}
	}
	for dir := range found {
		found[dir] = had[dir]
	}
	return found, nil
}

// putGuard brings a captured guard back before anything else.
func (t *target) putGuard(ctx context.Context, path string, captured tree.Entry) error {
	if _, err := os.Lstat(path); err == nil || captured.Type != tree.Regular {
		return nil
	}
	content, err := contentOf(ctx, captured, t.source)
	if err != nil {
		return err
	}
	err = makeGuard(filepath.Dir(path), func() error { return createFilled(path, string(content)) })
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// guard makes a guard of ours where there is none. With others it is left
// alone if they are not restored.
func (l *locks) guard(dir string, narrow bool) error {
	path := filepath.Join(dir, guardName)
	err := makeGuard(dir, func() error { return createLock(path) })
	if errors.Is(err, fs.ErrExist) {
		if narrow && !isOurs(path) {
			return nil
		}
		err = nil
	}
	if err == nil {
		l.held = append(l.held, path)
	}
	return err
}

// makeGuard makes the directory of a registration as well.
func makeGuard(dir string, create func() error) (err error) {
	for range guardTries {
		if err = os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err = create(); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// ownGuards lists the guards that a restore which was killed has left.
func ownGuards(root string, dirs []string) []string {
	var paths []string
	for _, dir := range dirs {
		if path := filepath.Join(root, dir, guardName); filepath.Base(filepath.Dir(filepath.Dir(path))) == "worktrees" && isOurs(path) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}
