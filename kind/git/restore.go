package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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

// target is a part's tree, and how to compare and restore it.
type target struct {
	tree     *tree.Dir
	opts     tree.Options
	manifest kind.Object
	source   kind.Source
	foreign  foreign
	same     []tree.Entry // index files that differ in nothing but their stat cache
}

// targetOf leaves out what belongs to running git commands, and to worktrees
// outside the workspace.
func targetOf(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (*target, error) {
	manifest, err := manifestOf(part)
	if err != nil {
		return nil, err
	}
	dirs, err := gitDirs(part.Root)
	if err != nil {
		return nil, err
	}
	if len(dirs) == 0 {
		dirs = []string{".git"}
	}
	same, err := sameIndexes(ctx, part, source)
	if err != nil {
		return nil, err
	}
	others, err := foreignTo(ctx, ws, part, source)
	if err != nil {
		return nil, err
	}
	opts := options(ws, part.Item(), dirs)
	opts.Skip = append(opts.Skip, others.skipped()...)
	opts.Additive = others.additive()
	same = slices.DeleteFunc(same, func(e tree.Entry) bool { return others.has(e.Path) })
	t := &target{tree: tree.New(part.Root), opts: opts, manifest: manifest, source: source, same: same, foreign: others}
	switch {
	case len(part.Inside) > 0:
		t.narrowTo(part.Inside)
	case isSet(ws, refsOnly):
		t.narrowToRefs()
	}
	return t, nil
}

// compare says what has to be done. An index that means the same is left alone
// if it is all that differs. Beside other files it has to come back as well: its
// stat cache would speak of those that were there before, and git believes that
// a file of another size than its index says is another file.
func (t *target) compare(ctx context.Context) (tree.Changes, error) {
	opts := t.opts
	for _, e := range t.same {
		opts.Alike = append(opts.Alike, kind.Pattern(literal(e.Path)))
	}
	changes, err := t.tree.Compare(ctx, opts, t.manifest, t.source)
	if err != nil || changes.None() {
		return changes, err
	}
	for _, e := range t.same {
		changes.Rewritten++
		changes.Bytes += e.Size
		changes.Chunks = append(changes.Chunks, e.Chunks...)
	}
	return changes, nil
}

func (t *target) apply(ctx context.Context) error {
	_, err := t.tree.Apply(ctx, t.opts, t.manifest, t.source)
	return err
}

// Preview says what Restore would do.
func (*Driver) Preview(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (kind.Change, error) {
	if stays(ws, part.Root) {
		return kind.Change{Action: kind.ActionNone}, nil
	}
	if isSet(ws, refsOnly) {
		if inTheWay, err := withoutHead(ctx, part, source); err != nil || len(inTheWay) > 0 {
			return kind.Change{Action: kind.ActionPatch, Conflicts: inTheWay}, err
		}
	}
	if err := roomFor(ws, part.Root); err != nil {
		return kind.Change{Action: kind.ActionPatch, Conflicts: []string{err.Error()}}, nil
	}
	t, err := targetOf(ctx, ws, part, source)
	if err != nil {
		return kind.Change{}, err
	}
	changes, err := t.compare(ctx)
	if errors.Is(err, kind.ErrGone) {
		return kind.Change{Action: kind.ActionCreate}, nil
	}
	if err != nil {
		return kind.Change{}, err
	}
	if changes.None() {
		return kind.Change{Action: kind.ActionNone}, nil
	}
	conflicts, err := lockConflicts(part.Root)
	return kind.Change{
		Action: kind.ActionPatch, Details: changes.Details, Bytes: changes.Bytes, Grows: changes.Grows(), Chunks: changes.Chunks, Pieces: changes.Pieces, Fresh: changes.Fresh(),
		Conflicts: append(conflicts, changes.Conflicts...),
	}, err
}

// IsAtRest reports whether nothing differs.
func (*Driver) IsAtRest(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (bool, error) {
	if stays(ws, part.Root) {
		return false, nil
	}
	t, err := targetOf(ctx, ws, part, source)
	if err != nil {
		return false, err
	}
	changes, err := t.compare(ctx)
	return changes.Identical() && err == nil, err
}

// Restore makes worktree and git directory what the part says, with the
// repository locked against git commands meanwhile. Locks touch the git
// directory, so none are made if there is nothing to do; but those of a
// restore that was killed before it changed anything are removed.
func (d *Driver) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (err error) {
	if stays(ws, part.Root) {
		return nil
	}
	if err := roomFor(ws, part.Root); err != nil {
		return err
	}
	t, err := targetOf(ctx, ws, part, source)
	if err != nil {
		return err
	}
	changes, err := t.compare(ctx)
	if err == nil && changes.None() {
		return releaseLeft(ctx, part.Root)
	}
	if err != nil && !errors.Is(err, kind.ErrGone) {
		return err
	}
	staying, err := dirsToStay(ctx, part, source)
	if err != nil {
		return err
	}
	staying = slices.DeleteFunc(staying, t.foreign.has)
	held, err := takeLocks(ctx, part.Root, staying, d.patience)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.release()) }()
	elsewhere, err := takeLocks(ctx, "/", gitDirElsewhere(ws, part.Root), d.patience)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, elsewhere.release()) }()
	// Anything may have changed before the locks were taken.
	if t, err = targetOf(ctx, ws.Look(), part, source); err != nil {
		return err
	}
	guards, err := t.guard(ctx, part.Root, isSet(ws, refsOnly))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, guards.release()) }()
	return t.apply(ctx)
}

// dirsToStay lists the live git directories that the part has as well. A lock
// in any other (a submodule or a linked worktree that was added since) would
// keep it from being removed.
func dirsToStay(ctx context.Context, part kind.Part, source kind.Source) ([]string, error) {
	dirs, err := gitDirs(part.Root)
	if err != nil || len(dirs) == 0 {
		return nil, err
	}
	manifest, err := manifestOf(part)
	if err != nil {
		return nil, err
	}
	captured := map[string]bool{}
	for e, err := range gitEntries(tree.ReadManifest(ctx, source, manifest)) {
		if err != nil {
			return nil, err
		}
		captured[e.Path] = e.Type == tree.Folder
	}
	return slices.DeleteFunc(dirs, func(dir string) bool { return !captured[dir] }), nil
}

// Remove removes a repository that the snapshot does not have, and leaves its
// worktree: those files lie in the tree of another part then, whose own
// restore removes what it does not have.
func (*Driver) Remove(_ context.Context, ws *kind.Workspace, item kind.Item) error {
	if item.Apart {
		return removeApart(ws, item.Root)
	}
	if !within(ws.Root, item.Root) {
		return fmt.Errorf("%s is not in the workspace", item.Root)
	}
	return os.RemoveAll(filepath.Join(item.Root, ".git"))
}
