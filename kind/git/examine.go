package git

import (
	"context"
	"strings"

	"dogear/internal/proc"
	"dogear/kind"
)

var _ kind.Examiner = (*Driver)(nil)

// Examine looks for the git program.
func (d *Driver) Examine(ctx context.Context, _ *kind.Workspace) kind.Finding {
	out, err := proc.Run(ctx, proc.Command{Name: "git", Args: []string{"--version"}})
	if err != nil {
		return kind.Finding{Missing: true, Detail: "git cannot be run: " + err.Error(), Hint: "install git"}
	}
	return kind.Finding{Detail: strings.TrimSpace(string(out))}
}
