package git

import "dogear/kind"

// The options of this kind.
const (
	// cleanIgnored has a clearing remove ignored files too.
	cleanIgnored = "clean-ignored"
	// refsOnly restores branches, tags and other refs, and leaves all else.
	refsOnly = "refs-only"
	// outsideWorktrees restores linked worktrees that lie outside the
	// workspace as well.
	outsideWorktrees = "outside-worktrees"
)

var _ kind.Configurable = (*Driver)(nil)

// Options lists the options.
func (*Driver) Options() []kind.Option {
	yesNo := []string{"true", "false"}
	return []kind.Option{
		{Key: cleanIgnored, Values: yesNo}, {Key: refsOnly, Values: yesNo}, {Key: outsideWorktrees, Values: yesNo, Lasting: true},
	}
}

// isSet reports whether an option is given.
func isSet(ws *kind.Workspace, key string) bool { return ws.Option("git", key) == "true" }
