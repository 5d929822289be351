package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/pflag"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

// askUnhealthy leaves it to the person at the terminal whether a restore stays
// after which something is not healthy. Where there is none, it stays.
const askUnhealthy = "ask"

// healthFlags say when something is not healthy, and what becomes of such a
// restore.
type healthFlags struct {
	choice string
	within time.Duration
}

func (h *healthFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&h.choice, "on-unhealthy", askUnhealthy, "if something does not become healthy: keep, rollback, or ask (at a terminal)")
	flags.DurationVar(&h.within, "healthy-within", healthTimeout, "how long to wait until everything is healthy")
}

// apply puts it into a request, as the agent knows it.
func (h *healthFlags) apply(req *api.RestoreRequest) error {
	if h.within < time.Millisecond {
		return usage("for example --healthy-within 5m", "--healthy-within %s is no time to wait", h.within)
	}
	req.OnUnhealthy, req.HealthyWithinMS = h.choice, h.within.Milliseconds()
	if h.choice == askUnhealthy {
		req.OnUnhealthy = api.KeepUnhealthy
	}
	return nil
}

// conclude is the end of a resume or a restore: the exit code, unless its user
// goes back to what was before.
func conclude(ctx context.Context, a *app, s *session, choice string, result api.RestoreResult) error {
	judged := judge(result)
	if choice != askUnhealthy || len(result.Unhealthy) == 0 || !a.asks() {
		return judged
	}
	goBack, err := a.ask(ctx, fmt.Sprintf("Keep %s as it is now, or go back to safety snapshot %s? [keep/back] ", result.Target.Root, result.Safety), "back")
	if err != nil {
		return err
	}
	if !goBack {
		a.note("it stays as it is now; dogear undo goes back")
		return judged
	}
	// What the restore was allowed to change it may change back.
	undone, err := s.client.Undo(ctx, api.UndoRequest{Workspace: s.workspace, YesRemote: true})
	if err != nil {
		return err
	}
	if err := a.print(undone, "", func(p *render.Page) { render.Undone(p, undone) }); err != nil {
		return err
	}
	if err := judge(undone); err != nil {
		return err
	}
	return &verdict{api.CodeFailed} // it is as it was, as with --on-unhealthy rollback
}

// ask puts a question, and reports whether the answer is yes, or a beginning of
// it. No answer is no; so is an interrupt, which ends a command that waits for
// its user only.
func (a *app) ask(ctx context.Context, question, yes string) (bool, error) {
	a.progress.clear()
	if _, err := fmt.Fprint(a.stderr, question); err != nil {
		return false, err
	}
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() { // ends with the process: nothing else ends the wait for a terminal
		text, err := bufio.NewReader(os.Stdin).ReadString('\n')
		read <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return false, nil
	case answer := <-read:
		if errors.Is(answer.err, io.EOF) || errors.Is(answer.err, syscall.EIO) { // the terminal is gone
			answer.err = nil
		}
		text := strings.ToLower(strings.TrimSpace(answer.text))
		return text != "" && strings.HasPrefix(yes, text), answer.err
	}
}

// asks reports whether there is somebody who can answer.
func (a *app) asks() bool { return a.talks() && isatty.IsTerminal(os.Stdin.Fd()) }
