package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/pflag"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

// askUnhealthy leaves it to the person at the terminal whether a restore stays
// after which something is not healthy. Where there is none, it stays.
const askUnhealthy = "ask"

// unhealthyFlag adds the flag that says what becomes of such a restore.
func unhealthyFlag(flags *pflag.FlagSet, choice *string) {
	flags.StringVar(choice, "on-unhealthy", askUnhealthy, "if something does not become healthy: keep, rollback, or ask (at a terminal)")
}

// forAgent is the choice as the agent knows it.
func forAgent(choice string) string {
	if choice == askUnhealthy {
		return api.KeepUnhealthy
	}
	return choice
}

// conclude is the end of a resume or a restore: the exit code, unless its user
// goes back to what was before.
func conclude(ctx context.Context, a *app, s *session, choice string, result api.RestoreResult) error {
	verdict := judge(result)
	if choice != askUnhealthy || len(result.Unhealthy) == 0 || !a.asks() {
		return verdict
	}
	goBack, err := a.ask(fmt.Sprintf("Keep %s as it is now, or go back to safety snapshot %s? [keep/back] ", result.Target.Root, result.Safety), "back")
	if err != nil {
		return err
	}
	if !goBack {
		return verdict
	}
	// What the restore was allowed to change it may change back.
	undone, err := s.client.Undo(ctx, api.UndoRequest{Workspace: s.workspace, YesRemote: true})
	if err != nil {
		return err
	}
	if err := a.print(undone, "", func(p *render.Page) { render.Undone(p, undone) }); err != nil {
		return err
	}
	return judge(undone)
}

// ask puts a question, and reports whether the answer is yes, or a beginning of
// it. No answer is no.
func (a *app) ask(question, yes string) (bool, error) {
	if _, err := fmt.Fprint(a.stderr, question); err != nil {
		return false, err
	}
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer != "" && strings.HasPrefix(yes, answer), err
}

// asks reports whether there is somebody who can answer.
func (a *app) asks() bool { return a.talks() && isatty.IsTerminal(os.Stdin.Fd()) }
