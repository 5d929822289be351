package git

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"dogear/kind"
)

// destination is where a clearing leaves a worktree.
type destination struct {
	branch string // full name, or "": detached
	id     string // of the commit
}

func (d destination) String() string {
	if d.branch == "" {
		return fmt.Sprintf("%.10s, on no branch", d.id)
	}
	return fmt.Sprintf("%s (%.10s)", shortRef(d.branch), d.id)
}

// find resolves a branch, a tag or a commit. It makes no branch out of a
// remote one, as "git checkout" does.
func (g *program) find(ctx context.Context, at string) (destination, error) {
	if at == "" || strings.HasPrefix(at, "-") {
		return destination{}, kind.ErrNoState
	}
	branch := branchPrefix + strings.TrimPrefix(at, branchPrefix)
	_, err := g.run(ctx, "show-ref", "--verify", "--quiet", branch)
	switch {
	case exitCode(err) > 0: // "main~1" is no branch
		id, err := g.commit(ctx, at)
		return destination{id: id}, err
	case err != nil:
		return destination{}, err
	}
	id, err := g.commit(ctx, branch)
	return destination{branch: branch, id: id}, err
}

func (g *program) commit(ctx context.Context, revision string) (string, error) {
	out, err := g.run(ctx, "rev-parse", "--verify", "--quiet", revision+"^{commit}")
	if exitCode(err) > 0 {
		return "", kind.ErrNoState
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}

// CanClear says whether the repository can be left clean at a state.
func (d *Driver) CanClear(ctx context.Context, _ *kind.Workspace, item kind.Item, at string) error {
	if item.Apart {
		return kind.ErrApart
	}
	s, err := readState(item.Root)
	if err != nil {
		return err
	}
	if len(s.dirs) == 0 {
		return errors.New("its git directory lies outside the workspace, and is not captured")
	}
	if err := s.mainWorktree(ctx, item.Root); err != nil {
		return err
	}
	left, err := awaitGit(ctx, item.Root, s.dirs, d.patience)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return lockedError(filepath.Join(item.Root, left[0]))
	}
	git, err := newProgramAt(ctx, item.Root, filepath.Join(item.Root, ".git"))
	if err != nil {
		return err
	}
	to, err := git.find(ctx, at)
	if err != nil {
		return err
	}
	if dir := s.holding(to.branch); dir != "" {
		return fmt.Errorf("%s is checked out in the linked worktree %s; %s~0 means its commit", shortRef(to.branch), path.Base(dir), shortRef(to.branch))
	}
	return nil
}

// mainWorktree makes sure that the files at root are those of the repository,
// and its refs in a format that every git can write.
func (s *state) mainWorktree(ctx context.Context, root string) error {
	config, err := s.config(ctx, ".git")
	if err != nil {
		return err
	}
	for _, dir := range config["core.worktree"] {
		if absolute(filepath.Join(root, ".git"), dir) != absolute(root, ".") {
			return fmt.Errorf("its worktree is %s (core.worktree)", dir)
		}
	}
	for _, format := range config["extensions.refstorage"] {
		if format != "files" {
			return fmt.Errorf("its refs are in the format %s, which dogear reads and restores, but does not change", format)
		}
	}
	for _, bare := range config["core.bare"] {
		if bare == "true" {
			return errors.New("it has no worktree (core.bare)")
		}
	}
	return nil
}

// holding returns the git directory of the linked worktree in which a branch
// is checked out, or waits for its rebase to end. A branch can be checked out
// once.
func (s *state) holding(branch string) string {
	for _, dir := range s.dirs {
		if branch == "" || !strings.HasPrefix(dir, ".git/worktrees/") {
			continue
		}
		if s.line(dir, "HEAD") == "ref: "+branch || s.line(dir, "rebase-merge/head-name") == branch || s.line(dir, "rebase-apply/head-name") == branch {
			return dir
		}
	}
	return ""
}
