package files

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"dogear/internal/gitlink"
	"dogear/kind"
)

var _ kind.Relocator = (*Driver)(nil)

// Relocate rewrites the links of git that lie among the files: linked
// worktrees and bare repositories are no items of their own.
func (*Driver) Relocate(ctx context.Context, part kind.Part, source kind.Source, sink kind.Sink, from, to string) (kind.Relocated, error) {
	manifest, err := manifestOf(part)
	if err != nil {
		return kind.Relocated{}, err
	}
	moved, err := gitlink.Relocate(ctx, manifest, source, sink, part.Root, gitlink.Move{From: from, To: to})
	if err != nil {
		return kind.Relocated{}, err
	}
	part.Root = to + strings.TrimPrefix(part.Root, from)
	part.Root = filepath.Clean(part.Root)
	part.Objects = []kind.Object{moved.Manifest}
	return kind.Relocated{Part: part, Gaps: moved.Gaps, Excuses: func(fact string) bool {
		return slices.ContainsFunc(moved.Changed, func(name string) bool { return fact == name || strings.HasPrefix(fact, name+"/") })
	}}, nil
}
