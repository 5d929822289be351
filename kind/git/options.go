package git

import "dogear/kind"

// The options of this kind.
const (
	// cleanIgnored has a clearing remove ignored files too.
	cleanIgnored = "clean-ignored"
	// refsOnly restores branches, tags and other refs, and leaves all else.
	refsOnly = "refs-only"
)

var _ kind.Configurable = (*Driver)(nil)

// Options lists the options.
func (*Driver) Options() []kind.Option {
	yesNo := []string{"true", "false"}
	return []kind.Option{{Key: cleanIgnored, Values: yesNo}, {Key: refsOnly, Values: yesNo}}
}

// isSet reports whether an option is given.
func isSet(ws *kind.Workspace, key string) bool { return ws.Option("git", key) == "true" }
