package main

import (
	"errors"
	"fmt"
	"slices"

	"dogear/agent/api"
	"dogear/cmd/dogear/config"
)

// exitCode is what scripts see of an error.
func exitCode(code api.Code) int {
	switch code {
	case api.CodeUsage:
		return 2
	case api.CodeDifferences:
		return 3
	case api.CodeBusy:
		return 4
	case api.CodeNotFound:
		return 5
	case api.CodeUnhealthy:
		return 6
	case api.CodeUnfinished:
		return 7
	case api.CodeInterrupted:
		return 130
	}
	return 1
}

// verdict ends a command whose result has been printed, and is no success.
type verdict struct{ code api.Code }

func (v *verdict) Error() string { return string(v.code) }

// exit prints an error, if there is one to print, and returns the exit code.
func (a *app) exit(err error, args []string) int {
	var printed *verdict
	switch {
	case err == nil:
		return 0
	case errors.As(err, &printed):
		return exitCode(printed.code)
	}
	e := explain(err)
	if a.json || slices.Contains(args, "--json") { // the flags may not have been read yet
		if a.printJSON(map[string]*api.Error{"error": e}) == nil {
			return exitCode(e.Code)
		}
	}
	a.printError(e)
	return exitCode(e.Code)
}

func (a *app) printError(e *api.Error) {
	_, _ = fmt.Fprintln(a.stderr, "dogear: "+e.Message)
	if e.State != "" {
		_, _ = fmt.Fprintln(a.stderr, "state: "+e.State)
	}
	if e.Hint != "" {
		_, _ = fmt.Fprintln(a.stderr, "hint: "+e.Hint)
	}
}

// explain makes every error one with a code and a way out.
func explain(err error) *api.Error {
	var mistake *config.Error
	if errors.As(err, &mistake) {
		return &api.Error{Code: api.CodeUsage, Message: mistake.Message, State: "nothing has changed", Hint: mistake.Hint}
	}
	return api.AsError(err)
}

func usage(hint, format string, args ...any) error {
	return &api.Error{Code: api.CodeUsage, Message: fmt.Sprintf(format, args...), State: "nothing has changed", Hint: hint}
}
