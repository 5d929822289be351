package git

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"dogear/internal/gitlink"
	"dogear/kind"
)

var _ kind.Relocator = (*Driver)(nil)

// Relocate rewrites what leads from the repository to its worktrees and
// submodules, and back.
func (*Driver) Relocate(ctx context.Context, part kind.Part, source kind.Source, sink kind.Sink, from, to string) (kind.Relocated, error) {
	if !within(from, part.Root) {
		return kind.Relocated{Gaps: []kind.Gap{{What: "all of it", Why: "it is a linked worktree outside the workspace"}}}, nil
	}
	manifest, err := manifestOf(part)
	if err != nil {
		return kind.Relocated{}, err
	}
	moved, err := gitlink.Relocate(ctx, manifest, source, sink, part.Root, gitlink.Move{From: from, To: to})
	if err != nil {
		return kind.Relocated{}, err
	}
	part.Root = filepath.Clean(to + strings.TrimPrefix(part.Root, from))
	part.Objects = []kind.Object{moved.Manifest}
	return kind.Relocated{Part: part, Gaps: moved.Gaps, Excuses: func(fact string) bool {
		return slices.ContainsFunc(moved.Changed, func(name string) bool { return isAbout(fact, name) })
	}}, nil
}

// isAbout reports whether a fact speaks of an entry of the tree, or of one
// below it.
func isAbout(fact, name string) bool {
	if fact == "./"+name || strings.HasPrefix(fact, "./"+name+"/") {
		return true
	}
	if base := path.Base(name); base == "config" || base == "config.worktree" {
		return strings.HasPrefix(fact, factPrefix(path.Dir(name))+"config ")
	}
	return strings.HasPrefix(name, ".git/") && strings.HasPrefix(fact, factPrefix(name))
}
