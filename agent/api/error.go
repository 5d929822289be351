package api

import (
	"errors"
	"time"
)

// Code classifies an error for scripts.
type Code string

// The codes. Each has one exit code of the command line.
const (
	CodeFailed      Code = "failed"      // what was there before is still there
	CodeUsage       Code = "usage"       // the request makes no sense
	CodeDifferences Code = "differences" // a comparison found some
	CodeBusy        Code = "busy"        // somebody else works on this workspace or store
	CodeNotFound    Code = "not_found"   // no such snapshot or workspace, or a needed engine is not there
	CodeDamaged     Code = "damaged"     // the store cannot be opened
	CodeUnhealthy   Code = "unhealthy"   // restored, but not healthy
	CodeUnfinished  Code = "unfinished"  // interrupted between two states
	CodeInterrupted Code = "interrupted" // interrupted and taken back
)

// Error is what went wrong, what state things are in, and what to do next.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	State   string `json:"state"`
	// Owner is who is in the way, with CodeBusy.
	Owner *Owner `json:"owner,omitempty"`
}

// Owner is a process that has a workspace or a store for itself.
type Owner struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"` // without its arguments: these may hold secrets
	User    string    `json:"user"`
	Since   time.Time `json:"since"`
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// AsError returns err as an Error, with CodeFailed if nothing better is known.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeFailed, Message: err.Error()}
}
