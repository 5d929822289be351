package git

import (
	"context"
	"fmt"

	"dogear/kind"
)

// Start refreshes the stat cache of the index, which no longer fits files
// that were written anew: without that scripts would take every one of them
// for modified. The bytes at rest have been compared by then; what the index
// means does not change.
func (*Driver) Start(ctx context.Context, _ *kind.Workspace, part kind.Part, _ kind.Source) error {
	if _, err := readBelowRoot(part.Root, ".git/index"); err != nil {
		return ignoreUnreadable(err) // there is none here
	}
	git, err := newProgram(ctx, part.Root)
	if err != nil {
		return err
	}
	// Exit code 1 says that some entries do need an update: real changes.
	if _, err := git.run(ctx, "update-index", "-q", "--refresh"); err != nil && exitCode(err) != 1 {
		return fmt.Errorf("refresh the index: %w", err)
	}
	return nil
}
