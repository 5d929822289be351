// Command dogear folds down the corner of a whole workspace and opens it
// there again. This package has the command line only: flags, output, hints
// and exit codes. What happens to a workspace is the agent's business.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func main() {
	debug.SetGCPercent(gcPercent)
	os.Exit(run(os.Args[1:]))
}

// gcPercent has the garbage collected early: what a capture takes from the
// machine it runs on matters more than a few percent of its time.
const gcPercent = 50

// run runs one command and returns its exit code.
func run(args []string) int {
	a := newApp(os.Stdout, os.Stderr)
	root := a.rootCommand()
	root.SetArgs(args)
	stop := func() {}
	defer func() { stop() }()
	// Not before the flags are read: they say how an interrupt is answered, and until then nothing was begun.
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		var ctx context.Context
		ctx, stop = a.interruptible(cmd.Context())
		cmd.SetContext(ctx)
	}
	return a.exit(root.ExecuteContext(context.Background()), args)
}
