// Command shop is the sample workspace's only program: each service of the stack runs it with another first argument.
//
// An idle stack must not change anything by itself, since saving it twice has to give the same state digest. So nothing
// here writes on a timer: no heartbeats, no hit counters, no sessions, no expiring keys.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
)

var commands = map[string]func(context.Context) error{
	"web":     serveWeb,
	"worker":  work,
	"migrate": migrate,
	"counter": count,
	"health":  checkHealth,
}

func main() {
	// As process 1 of a container nothing dies of SIGTERM by default: it has to be asked for.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: shop web|worker|migrate|counter|health")
	}
	command, ok := commands[args[0]]
	if !ok {
		return fmt.Errorf("unknown command %q", args[0])
	}
	return command(ctx)
}
