// Command dogear folds down the corner of a whole workspace and opens it
// there again. This package has the command line only: flags, output, hints
// and exit codes. What happens to a workspace is the agent's business.
package main

import (
	"context"
	"os"
	"runtime/debug"
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
	ctx, stop := a.interruptible(context.Background())
	defer stop()
	root := a.rootCommand()
	root.SetArgs(args)
	return a.exit(root.ExecuteContext(ctx), args)
}
