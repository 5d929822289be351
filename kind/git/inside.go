package git

import (
	"context"
	"fmt"
	"path"
	"strings"

	"dogear/internal/tree"
	"dogear/kind"
)

var _ kind.Insider = (*Driver)(nil)

// HasInside reports whether a file or a directory is in the worktree. What is
// in .git is one state, and comes back as one.
func (*Driver) HasInside(ctx context.Context, part kind.Part, source kind.Source, inside string) error {
	manifest, err := manifestOf(part)
	if err != nil {
		return err
	}
	top, _, _ := strings.Cut(strings.TrimPrefix(path.Clean("/"+inside), "/"), "/")
	if top == "" || kind.Pattern(top).Match(".git") {
		return fmt.Errorf("that is the repository itself, which comes back as a whole: select %s", part.ID)
	}
	return tree.HasInside(ctx, manifest, source, inside, claimedByOthers(part.Item()))
}

// narrowTo has a target be about some of the worktree. The index means the
// same whatever its stat cache says of these files: Start refreshes that.
func (t *target) narrowTo(inside []string) {
	t.opts.Within = tree.Inside(inside)
	t.same = nil
}
