// Package gitlink finds the paths by which git repositories, their linked
// worktrees and their submodules refer to each other in a captured tree, and
// rewrites them for another place.
//
// A copy whose links lead to the original works on the original: "git add" in
// a copied worktree stages into the index of the repository it was copied
// from. So the links are rewritten in the manifest, before a file is written,
// and what leads out of the workspace is left out.
package gitlink

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"dogear/internal/content"
	"dogear/internal/tree"
	"dogear/kind"
)

// Move says from where to where a workspace goes. Both are absolute.
type Move struct{ From, To string }

// Result is a tree for its new place.
type Result struct {
	Manifest kind.Object
	// Changed lists the entries that are not as they were captured: rewritten,
	// or left out with all that is below them.
	Changed []string
	// Gaps says of those that were left out why.
	Gaps []kind.Gap
}

// Relocate rewrites the links in a captured tree whose root was root. New
// content goes to sink.
func Relocate(ctx context.Context, manifest kind.Object, source kind.Source, sink kind.Sink, root string, move Move) (Result, error) {
	r := &relocation{Move: move, root: root, source: source, sink: sink}
	for e, err := range tree.ReadManifest(ctx, source, manifest) {
		if err != nil {
			return Result{}, err
		}
		r.all = append(r.all, e)
	}
	r.findGitDirs()
	for _, e := range r.all {
		if err := r.add(ctx, e); err != nil {
			return Result{}, fmt.Errorf("%s: %w", kind.Printable(e.Path), err)
		}
	}
	var err error
	r.Manifest, err = tree.WriteManifest(ctx, sink, r.kept)
	return r.Result, err
}

type relocation struct {
	Move
	Result
	root    string
	source  kind.Source
	sink    kind.Sink
	all     []tree.Entry
	kept    []tree.Entry
	gitDirs map[string]bool
	dropped string // what is below it is left out
}

// findGitDirs finds the git directories by git's own rule, and the linked
// worktrees whose files are not in the workspace.
func (r *relocation) findGitDirs() {
	has := map[string]int{}
	for _, e := range r.all {
		switch path.Base(e.Path) {
		case "HEAD", "objects", "refs":
			has[path.Dir(e.Path)]++
		}
	}
	r.gitDirs = map[string]bool{}
	for dir, n := range has {
		r.gitDirs[dir] = n == 3
	}
}

// add takes over an entry, as it has to be at the new place.
func (r *relocation) add(ctx context.Context, e tree.Entry) error {
	if r.dropped != "" && strings.HasPrefix(e.Path, r.dropped+"/") {
		return nil
	}
	why, err := r.leadsOut(ctx, e)
	if err != nil {
		return err
	}
	if why != "" {
		r.dropped = e.Path
		r.Changed = append(r.Changed, e.Path)
		r.Gaps = append(r.Gaps, kind.Gap{What: kind.Printable(e.Path), Why: why})
		return nil
	}
	changed, err := r.rewrite(ctx, &e)
	if changed {
		r.Changed = append(r.Changed, e.Path)
	}
	r.kept = append(r.kept, e)
	return err
}

// leadsOut says why an entry would have a git command at the new place work
// on something outside the workspace, or "".
func (r *relocation) leadsOut(ctx context.Context, e tree.Entry) (string, error) {
	switch {
	case e.Type == tree.Regular && path.Base(e.Path) == ".git":
		target, ok, err := r.gitFile(ctx, e)
		if err == nil && ok && !r.inside(target) {
			return "its repository is outside the workspace: " + target, nil
		}
		return "", err
	case e.Type == tree.Symlink && r.isGits(e.Path):
		if target := absolute(r.dirOf(e), e.Target); !r.inside(target) {
			return "it leads out of the workspace: " + target, nil
		}
	case e.Type == tree.Folder && r.isLinkedDir(e.Path):
		return r.worktreeOutside(ctx, e)
	}
	return "", nil
}

// isGits reports whether an entry is a git directory, or lies in one.
func (r *relocation) isGits(name string) bool {
	if path.Base(name) == ".git" {
		return true
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if r.gitDirs[dir] {
			return true
		}
	}
	return false
}

// isLinkedDir recognizes what a repository knows of a linked worktree.
func (r *relocation) isLinkedDir(name string) bool {
	return path.Base(path.Dir(name)) == "worktrees" && r.gitDirs[path.Dir(path.Dir(name))]
}

func (r *relocation) worktreeOutside(ctx context.Context, dir tree.Entry) (string, error) {
	for _, e := range r.all {
		if e.Path != dir.Path+"/gitdir" || e.Type != tree.Regular {
			continue
		}
		text, err := r.text(ctx, e)
		if target := absolute(r.dirOf(e), strings.TrimSpace(text)); err != nil || r.inside(target) {
			return "", err
		}
		return "a linked worktree outside the workspace: " + strings.TrimSpace(text), nil
	}
	return "", nil
}

// gitFile returns the git directory that a .git file names.
func (r *relocation) gitFile(ctx context.Context, e tree.Entry) (string, bool, error) {
	text, err := r.text(ctx, e)
	target, ok := strings.CutPrefix(strings.TrimRight(text, "\r\n"), "gitdir: ")
	return absolute(r.dirOf(e), target), ok, err
}

// errWorktree ends a relocation that would have git write to the original.
var errWorktree = errors.New("core.worktree leads out of the workspace; leave this repository out with --except")

// rewrite replaces the old place by the new one in what git reads as a path.
func (r *relocation) rewrite(ctx context.Context, e *tree.Entry) (bool, error) {
	if e.Type == tree.Symlink && r.isGits(e.Path) {
		target := r.replace(e.Target)
		changed := target != e.Target
		e.Target = target
		return changed, nil
	}
	if e.Type != tree.Regular || !r.isLink(e.Path) {
		return false, nil
	}
	text, err := r.text(ctx, *e)
	if err != nil {
		return false, err
	}
	if r.isConfig(e.Path) && r.worktreeLeadsOut(text, e.Path) {
		return false, errWorktree
	}
	moved := r.replace(text)
	if moved == text {
		return false, nil
	}
	object, err := content.PutBytes(ctx, r.sink, e.Path, []byte(moved))
	if err != nil {
		return false, err
	}
	e.Size, e.Chunks, e.Digest, e.Holes, e.Recipe = object.Size, object.Chunks, sha256.Sum256([]byte(moved)), nil, nil
	return true, nil
}

// isLink reports whether a file is one in which git keeps paths.
func (r *relocation) isLink(name string) bool {
	dir, base := path.Dir(name), path.Base(name)
	switch base {
	case ".git":
		return true
	case "gitdir", "commondir":
		return r.isLinkedDir(dir)
	case "alternates":
		return path.Base(dir) == "info" && r.gitDirs[path.Dir(path.Dir(dir))]
	}
	return r.isConfig(name)
}

func (r *relocation) isConfig(name string) bool {
	base := path.Base(name)
	return (base == "config" || base == "config.worktree") && (r.gitDirs[path.Dir(name)] || r.isLinkedDir(path.Dir(name)))
}

func (r *relocation) worktreeLeadsOut(config, name string) bool {
	for line := range strings.Lines(config) {
		key, value, ok := strings.Cut(line, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(key), "worktree") {
			continue
		}
		target := strings.Trim(strings.TrimSpace(value), `"`)
		if !r.inside(absolute(filepath.Join(r.root, path.Dir(name)), target)) {
			return true
		}
	}
	return false
}

// replace replaces the old place, wherever it stands as the beginning of a
// path or as a whole one.
func (r *relocation) replace(text string) string {
	var b strings.Builder
	for {
		i := strings.Index(text, r.From)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		rest := text[i+len(r.From):]
		b.WriteString(text[:i])
		if isBoundary(text[:i], rest) {
			b.WriteString(r.To)
		} else {
			b.WriteString(r.From)
		}
		text = rest
	}
}

// isBoundary keeps /work apart from /work2 and /home/work.
func isBoundary(before, after string) bool {
	ends := after == "" || strings.ContainsRune("/\"\n\r \t;", rune(after[0]))
	begins := before == "" || strings.ContainsRune(" \t\n=\":'/", rune(before[len(before)-1]))
	return ends && begins
}

func (r *relocation) text(ctx context.Context, e tree.Entry) (string, error) {
	b, err := content.ReadAll(ctx, r.source, kind.Object{Name: kind.Printable(e.Path), Size: e.Size, Chunks: e.Chunks})
	return string(b), err
}

func (r *relocation) dirOf(e tree.Entry) string { return filepath.Join(r.root, path.Dir(e.Path)) }

func (r *relocation) inside(target string) bool {
	rel, err := filepath.Rel(r.From, target)
	return err == nil && filepath.IsLocal(rel)
}

// absolute resolves a path as it was written: the tree need not be there.
func absolute(dir, name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	return filepath.Clean(name)
}
