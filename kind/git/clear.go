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
	"strings"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

var _ kind.Clearer = (*Driver)(nil)

// operationFiles say that an operation is under way. Removed, it is as if it
// had never begun, and every branch is where it was: "git rebase --abort" and
// its like move branches, and stash what they find.
var operationFiles = []string{
	"MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "MERGE_RR", "MERGE_AUTOSTASH", "AUTO_MERGE", "SQUASH_MSG",
	"CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "BISECT_*", "rebase-merge", "rebase-apply", "sequencer",
}

// errNotAsCaptured ends a clearing that would destroy what nobody has captured.
var errNotAsCaptured = errors.New("it was changed after it was captured; nothing of it was touched. Close what writes to it and try again")

// Clear leaves the worktree clean at a branch, a tag or a commit. All of it is
// done with the repository locked, and with nothing in it that the part does
// not have. Linked worktrees are left as they are: each is a desk of its own.
func (d *Driver) Clear(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source, at string) (_ []string, err error) {
	s, err := readState(part.Root)
	if err != nil {
		return nil, err
	}
	held, err := takeLocks(ctx, part.Root, s.dirs, d.patience)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, held.release()) }()
	change, err := d.Preview(ctx, ws, part, source)
	if err != nil {
		return nil, err
	}
	if change.Action != kind.ActionNone {
		return nil, errNotAsCaptured
	}
	holds, err := readHoldings(ctx, part, source)
	if err != nil {
		return nil, err
	}
	c := &clearing{root: part.Root, gitDir: ".git", state: s, holds: holds, ignored: isSet(ws, cleanIgnored)}
	if c.git, err = newProgramAt(ctx, part.Root, filepath.Join(part.Root, ".git")); err != nil {
		return nil, err
	}
	to, err := c.git.find(ctx, at)
	if err != nil {
		return nil, err
	}
	lines, err := c.run(ctx, to)
	if err != nil {
		return nil, err
	}
	return append([]string{"clean at " + to.String()}, lines...), syncTree(part.Root)
}

// clearing clears one worktree: the repository's own, or one of a submodule.
type clearing struct {
	root     string // of the part
	worktree string // relative to root; "" is root itself
	gitDir   string // relative to root
	state    *state
	holds    *holdings
	git      *program
	ignored  bool // ignored files go too
}

func (c *clearing) path() string { return filepath.Join(c.root, c.worktree) }

// run clears the worktree and those of its submodules.
func (c *clearing) run(ctx context.Context, to destination) ([]string, error) {
	untracked, err := c.untracked(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.holdsAll(ctx, to); err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		func() error { return c.endOperations() },
		func() error { return c.remove(untracked) },
		func() error { return c.checkOut(ctx, to) },
		func() error { return c.removeEmpty(untracked) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	lines, err := c.submodules(ctx)
	if err != nil {
		return nil, err
	}
	left, err := c.look(ctx)
	return append(lines, left...), err
}

// untracked lists the files that git does not track, relative to the root of
// the part: those that it does not ignore, or all. Repositories within are
// not among them.
func (c *clearing) untracked(ctx context.Context) ([]string, error) {
	args := []string{"ls-files", "-z", "--others"}
	if !c.ignored {
		args = append(args, "--exclude-standard")
	}
	out, err := c.git.run(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("list untracked files: %w", err)
	}
	var files []string
	for _, name := range splitNUL(out) {
		if file := path.Join(c.worktree, name); !strings.HasSuffix(name, "/") && c.holds.has(file) {
			files = append(files, file)
		}
	}
	return files, nil
}

// holdsAll makes sure that whatever git may overwrite or remove is in the
// part: what another file system holds, or what could not be read, is not.
func (c *clearing) holdsAll(ctx context.Context, to destination) error {
	if len(c.holds.out) == 0 {
		return nil
	}
	now, err := c.git.run(ctx, "ls-files", "-z", "--stage")
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	then, err := c.git.run(ctx, "ls-tree", "-r", "-z", "--full-tree", to.id)
	if err != nil {
		return fmt.Errorf("list the files of %s: %w", to, err)
	}
	for _, line := range append(splitNUL(now), splitNUL(then)...) {
		mode, name, _ := strings.Cut(line, "\t")
		if strings.HasPrefix(mode, gitlinkMode) {
			continue // git leaves what is in a submodule alone
		}
		if out := c.holds.missing(path.Join(c.worktree, name)); out != "" {
			return fmt.Errorf("%s would be changed, and %s is not in the snapshot", kind.Printable(name), kind.Printable(out))
		}
	}
	return nil
}

// gitlinkMode is the mode of a submodule in an index or a tree.
const gitlinkMode = "160000"

func splitNUL(out []byte) []string {
	if len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// endOperations removes what says that an operation is under way.
func (c *clearing) endOperations() error {
	return inRoot(c.root, func(root *os.Root) error {
		for _, pattern := range operationFiles {
			found, err := fs.Glob(root.FS(), literal(c.gitDir)+"/"+pattern)
			if err != nil {
				return err
			}
			for _, name := range found {
				if err := root.RemoveAll(name); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (c *clearing) remove(files []string) error {
	return inRoot(c.root, func(root *os.Root) error {
		for _, name := range files {
			if err := root.Remove(name); ignoreMissing(err) != nil {
				return err
			}
		}
		return nil
	})
}

// removeEmpty removes the directories that held nothing but what was removed.
func (c *clearing) removeEmpty(files []string) error {
	return inRoot(c.root, func(root *os.Root) error {
		for _, name := range files {
			for dir := path.Dir(name); dir != "." && dir != c.worktree; dir = path.Dir(dir) {
				if root.Remove(dir) != nil {
					break // it holds something, or is gone
				}
			}
		}
		return nil
	})
}

// inRoot does something with a directory that nothing leads out of.
func inRoot(dir string, do func(*os.Root) error) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return do(root)
}

// submodules leaves the submodules that are populated at the commits that the
// index now names, if these are here.
func (c *clearing) submodules(ctx context.Context) ([]string, error) {
	links, err := c.gitlinks(ctx)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, dir := range c.state.dirs {
		if !c.isModule(dir) {
			continue
		}
		full, err := c.state.worktreeOf(ctx, c.root, dir)
		if err != nil {
			return nil, err
		}
		name, ok := strings.CutPrefix(full, c.path()+"/")
		if _, err := os.Lstat(filepath.Join(full, ".git")); !ok || links[name] == "" || err != nil {
			continue
		}
		more, err := c.submodule(ctx, dir, name, links[name])
		if err != nil {
			return nil, fmt.Errorf("submodule %s: %w", kind.Printable(name), err)
		}
		lines = append(lines, more...)
	}
	return lines, nil
}

// isModule reports whether a git directory is that of a direct submodule.
func (c *clearing) isModule(dir string) bool {
	rest, ok := strings.CutPrefix(dir, c.gitDir+"/modules/")
	return ok && !slices.ContainsFunc(c.state.dirs, func(other string) bool {
		return other != dir && strings.HasPrefix(other, c.gitDir+"/modules/") && strings.HasPrefix(dir, other+"/")
	}) && rest != ""
}

func (c *clearing) submodule(ctx context.Context, gitDir, name, id string) ([]string, error) {
	sub := &clearing{
		root: c.root, worktree: path.Join(c.worktree, name), gitDir: gitDir,
		state: c.state, holds: c.holds, ignored: c.ignored,
	}
	var err error
	if sub.git, err = newProgramAt(ctx, sub.path(), filepath.Join(c.root, gitDir)); err != nil {
		return nil, err
	}
	if _, err := sub.git.commit(ctx, id); errors.Is(err, kind.ErrNoState) {
		return []string{fmt.Sprintf("submodule %s is left as it is: commit %.10s is not here", kind.Printable(sub.worktree), id)}, nil
	}
	return sub.run(ctx, destination{id: id})
}

// gitlinks returns the commits of submodules by path.
func (c *clearing) gitlinks(ctx context.Context) (map[string]string, error) {
	out, err := c.git.run(ctx, "ls-files", "-z", "--stage")
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	links := map[string]string{}
	for _, line := range splitNUL(out) {
		meta, name, _ := strings.Cut(line, "\t")
		if fields := strings.Fields(meta); len(fields) == 3 && fields[0] == gitlinkMode {
			links[name] = fields[1]
		}
	}
	return links, nil
}

// look makes sure that git sees no change, and names what else it sees.
func (c *clearing) look(ctx context.Context) ([]string, error) {
	out, err := c.git.run(ctx, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal", "--ignore-submodules=all")
	if err != nil {
		return nil, fmt.Errorf("look at the result: %w", err)
	}
	var left []string
	for _, entry := range splitNUL(out) {
		if len(entry) < 4 {
			continue
		}
		state, name := entry[:2], entry[3:]
		if state != "??" {
			return nil, fmt.Errorf("git still sees a change of %s (%s)", kind.Printable(name), strings.TrimSpace(state))
		}
		if _, err := os.Lstat(filepath.Join(c.path(), name, ".git")); err != nil {
			left = append(left, kind.Printable(path.Join(c.worktree, name)))
		}
	}
	if len(left) == 0 {
		return nil, nil
	}
	return []string{"left there, as it was ignored or is not in the snapshot: " + someOf(left)}, nil
}

// someOf names the first few of many.
func someOf(names []string) string {
	const shown = 5
	if more := len(names) - shown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), more)
	}
	return strings.Join(names, ", ")
}

func syncTree(root string) (err error) {
	dir, err := os.Open(root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return unix.Syncfs(int(dir.Fd()))
}
