package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"dogear/internal/tree"
	"dogear/kind"
)

// manifestOf returns the object that lists a part's tree.
func manifestOf(part kind.Part) (kind.Object, error) {
	manifest, ok := part.Object("tree")
	if !ok {
		return kind.Object{}, errors.New("the part has no tree")
	}
	return manifest, nil
}

// partOptions are the options for a part's tree and for what lives in its
// place: transient files are those of git directories on either side.
func partOptions(ws *kind.Workspace, part kind.Part) (tree.Options, error) {
	dirs, err := gitDirs(part.Root)
	if err != nil {
		return tree.Options{}, err
	}
	if len(dirs) == 0 {
		dirs = []string{".git"}
	}
	return options(ws, part.Item(), dirs), nil
}

// Preview says what Restore would do.
func (*Driver) Preview(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (kind.Change, error) {
	changes, err := compare(ctx, ws, part, source)
	if errors.Is(err, kind.ErrGone) {
		return kind.Change{Action: kind.ActionCreate}, nil
	}
	if err != nil {
		return kind.Change{}, err
	}
	change := kind.Change{Action: kind.ActionPatch, Details: changes.Details, Bytes: changes.Bytes, Chunks: changes.Chunks}
	if changes.None() {
		change.Action = kind.ActionNone
	}
	return change, nil
}

func compare(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (tree.Changes, error) {
	manifest, err := manifestOf(part)
	if err != nil {
		return tree.Changes{}, err
	}
	opts, err := partOptions(ws, part)
	if err != nil {
		return tree.Changes{}, err
	}
	return tree.New(part.Root).Compare(ctx, opts, manifest, source)
}

// Restore makes worktree and git directory what the part says, with the
// repository locked against git commands meanwhile. Locks touch the git
// directory, so there are none if there is nothing to do.
func (*Driver) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (err error) {
	changes, err := compare(ctx, ws, part, source)
	if err == nil && changes.None() {
		return nil
	}
	if err != nil && !errors.Is(err, kind.ErrGone) {
		return err
	}
	held, err := takeLocks(ctx, part.Root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.release()) }()
	return apply(ctx, ws, part, source)
}

func apply(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	manifest, err := manifestOf(part)
	if err != nil {
		return err
	}
	opts, err := partOptions(ws, part)
	if err != nil {
		return err
	}
	_, err = tree.New(part.Root).Apply(ctx, opts, manifest, source)
	return err
}

// Remove removes a repository that the snapshot does not have, and leaves its
// worktree: those files lie in the tree of another part then, whose own
// restore removes what it does not have.
func (*Driver) Remove(_ context.Context, ws *kind.Workspace, item kind.Item) error {
	if !within(ws.Root, item.Root) {
		return fmt.Errorf("%s is not in the workspace", item.Root)
	}
	return os.RemoveAll(filepath.Join(item.Root, ".git"))
}
