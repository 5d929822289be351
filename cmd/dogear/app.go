package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/charmbracelet/colorprofile"
	"github.com/mattn/go-isatty"

	"dogear/cmd/dogear/render"
)

// app is what all commands have in common: the flags that every command
// takes, and where output goes.
type app struct {
	stdout io.Writer
	stderr *os.File

	dir     string
	options []string
	json    bool
	quiet   bool

	progress *progress
}

func newApp(stdout, stderr *os.File) *app {
	a := &app{stdout: colorprofile.NewWriter(stdout, os.Environ()), stderr: stderr}
	a.progress = &progress{app: a}
	return a
}

// print writes a result: as JSON, for people, or with --quiet only what
// matters to a script (nothing, if brief is "").
func (a *app) print(result any, brief string, show func(*render.Page)) error {
	a.progress.clear()
	switch {
	case a.json:
		return a.printJSON(result)
	case a.quiet && brief == "":
		return nil
	case a.quiet:
		_, err := fmt.Fprintln(a.stdout, brief)
		return err
	}
	var page render.Page
	show(&page)
	_, err := page.WriteTo(a.stdout)
	return err
}

func (a *app) printJSON(result any) error {
	content, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = a.stdout.Write(append(content, '\n'))
	return err
}

// talks reports whether there is somebody at standard error to talk to.
func (a *app) talks() bool {
	return !a.quiet && !a.json && isatty.IsTerminal(a.stderr.Fd())
}

// interruptible returns a context that the first interrupt ends. What was
// begun is taken back then, and a further interrupt does not cut that short.
func (a *app) interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
	signal.Notify(signals, ends...)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range signals {
			if ctx.Err() == nil {
				a.note("interrupted: ending, once what was begun is taken back")
			} else {
				a.note("still taking back what was begun: wait; if it is killed now, the next command does that")
			}
			cancel()
		}
	}()
	return ctx, func() {
		// What was done is done: the exit code has to say so.
		signal.Ignore(ends...)
		signal.Stop(signals)
		close(signals)
		<-done
		cancel()
	}
}

// note writes a line to standard error, best effort.
func (a *app) note(text string) {
	a.progress.clear()
	if !a.quiet {
		_, _ = fmt.Fprintln(a.stderr, "dogear: "+text)
	}
}
