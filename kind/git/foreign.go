package git

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"dogear/internal/tree"
	"dogear/kind"
)

var _ kind.Narrower = (*Driver)(nil)

// foreign are linked worktrees whose files lie outside the workspace and are
// not restored: somebody else's desk, of which the repository holds HEAD and
// index. Restoring these under files that stay would make a mess of that desk,
// so they stay as well, and with them every object, as HEAD and index may need
// it.
type foreign struct {
	dirs []string // git directories, relative to the root of the part
	// alone says that the part knows of no linked worktree at all.
	alone bool
}

// foreignTo returns the foreign worktrees of a repository, live and captured.
func foreignTo(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (foreign, error) {
	live, err := gitDirs(part.Root)
	if err != nil {
		return foreign{}, err
	}
	f := foreign{alone: true}
	for _, dir := range live {
		link, err := readBelowRoot(part.Root, dir+"/gitdir")
		if err == nil && isForeign(ws, part, dir, link) {
			f.dirs = append(f.dirs, dir)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return foreign{}, err
		}
	}
	captured, err := capturedState(ctx, part, source, []kind.Pattern{"**/worktrees/*/gitdir"})
	if err != nil {
		return foreign{}, err
	}
	for name, entry := range captured.files {
		f.alone = false
		if dir := path.Dir(name); isForeign(ws, part, dir, entry.content) {
			f.dirs = append(f.dirs, dir)
		}
	}
	slices.Sort(f.dirs)
	f.dirs = slices.Compact(f.dirs)
	return f, nil
}

func isForeign(ws *kind.Workspace, part kind.Part, dir string, link []byte) bool {
	file := absolute(filepath.Join(part.Root, dir), strings.TrimSpace(string(link)))
	if within(ws.Root, file) {
		return false
	}
	return !isSet(ws, outsideWorktrees) || !hasFilesAt(ws.Root, part.Claims, filepath.Dir(file))
}

// hasFilesAt reports whether a repository that has certain claims was captured
// with the files of the linked worktree at a root.
func hasFilesAt(workspace string, claims []kind.Claim, root string) bool {
	rel, err := filepath.Rel(workspace, root)
	id := kind.ID{Kind: "git", Name: filepath.ToSlash(rel)}
	return err == nil && slices.ContainsFunc(claims, func(c kind.Claim) bool { return c.On == id })
}

func (f foreign) any() bool { return len(f.dirs) > 0 }

// has reports whether a path is in a foreign git directory, or is one.
func (f foreign) has(name string) bool {
	return slices.ContainsFunc(f.dirs, func(dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") })
}

// skipped are the entries of the tree that are left alone.
func (f foreign) skipped() []kind.Pattern {
	var all []kind.Pattern
	for _, dir := range f.dirs {
		if f.alone {
			dir = path.Dir(dir) // the part does not have that either
		}
		all = append(all, kind.Pattern(literal(dir)))
	}
	return all
}

// additive are the entries that are never removed.
func (f foreign) additive() []kind.Pattern {
	if !f.any() {
		return nil
	}
	return []kind.Pattern{".git/objects"}
}

// leaves reports whether a fact is about what is left alone.
func (f foreign) leaves(fact string) bool {
	if strings.HasPrefix(fact, "./.git/objects") {
		return true
	}
	return slices.ContainsFunc(f.dirs, func(dir string) bool {
		return strings.HasPrefix(fact, kind.Printable(factPrefix(dir))) || isBelow(fact, "./"+dir) || f.alone && fact == "./"+path.Dir(dir)
	})
}

func isBelow(name, dir string) bool {
	dir = kind.Printable(dir)
	return name == dir || strings.HasPrefix(name, dir+"/")
}

// Narrow leaves linked worktrees outside the workspace alone, or all but refs,
// or all but what is selected.
func (*Driver) Narrow(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (*kind.Narrowed, error) {
	if stays(ws, part.Root) {
		return &kind.Narrowed{All: true, Gap: kind.Gap{
			Part: part.ID, What: "all of it", Why: "it is outside the workspace, and left as it is; -o git." + outsideWorktrees + "=true restores it",
		}}, nil
	}
	if narrowed := tree.NarrowTo(part.Inside, "./"); narrowed != nil {
		return narrowed, nil
	}
	if isSet(ws, refsOnly) {
		return &kind.Narrowed{
			Leaves: func(fact string) bool { return !isAboutRefs(fact) },
			Gap:    kind.Gap{Part: part.ID, What: "HEAD, index and files", Why: "they are left as they are: git." + refsOnly},
		}, nil
	}
	f, err := foreignTo(ctx, ws, part, source)
	if err != nil || !f.any() {
		return nil, err
	}
	var names []string
	for _, dir := range f.dirs {
		names = append(names, kind.Printable(path.Base(dir)))
	}
	return &kind.Narrowed{Leaves: f.leaves, Gap: kind.Gap{
		Part: part.ID, What: "linked worktrees outside the workspace: " + someOf(names),
		Why: "they are left as they are, HEAD and index as well, and no object is removed that they may need",
	}}, nil
}
