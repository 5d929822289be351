package restore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dogear/kind"
	"dogear/snapshot"
)

// Request asks for a restore.
type Request struct {
	Drivers   []kind.Driver
	Workspace *kind.Workspace
	Target    snapshot.Snapshot
	Operation snapshot.Operation
	// Select restricts the restore to some items.
	Select Selection

	// Back says that Target is the safety snapshot of the last restore.
	Back bool
	// Remotely says that what is on other machines may be changed too.
	Remotely bool

	// Keep keeps work done since the snapshot where a driver can (resume).
	// Label names the interruption.
	Keep  bool
	Label string

	// Stopped is when the first item was stopped, if this does again what was
	// interrupted and taken back.
	Stopped time.Time

	// Source reads the store. Begin opens a session for the safety snapshot,
	// whose Author and Ticket are taken from Safety, and its id from NewID.
	Source kind.Source
	Begin  func(context.Context) (snapshot.Session, error)
	NewID  func() snapshot.ID
	Safety Labels

	// JournalPath is the file that survives a crash (see Journal).
	JournalPath string
	Guard       snapshot.Guard
	// Secured is told where the state before is, right before the first item
	// is touched. It may be nil.
	Secured func(snapshot.ID)
	// Done is told what was proven, while the restore can still be taken back,
	// and is if this fails. What it records stands. It may be nil.
	Done func(Outcome) error

	// HealthTimeout bounds the wait for everything to be healthy. With
	// OnlyHealthy a restore after which something is not is taken back.
	HealthTimeout time.Duration
	OnlyHealthy   bool
	Now           func() time.Time
	Progress      func(stage string)
}

// Labels is what a person said about an operation.
type Labels struct {
	Note, Ticket, Author string
}

func (r Request) progress(format string, args ...any) {
	if r.Progress != nil {
		r.Progress(fmt.Sprintf(format, args...))
	}
}

// Outcome is what a restore did.
type Outcome struct {
	Receipt snapshot.Receipt
	// Unhealthy says what did not come up. The workspace is restored.
	Unhealthy []string
}

// ConflictError says that a plan cannot be carried out. Nothing was touched.
type ConflictError struct{ Conflicts []string }

func (e *ConflictError) Error() string {
	text := "this is in the way:"
	if n := len(e.Conflicts); n > 1 {
		text = fmt.Sprintf("%d things are in the way:", n)
	}
	for _, c := range e.Conflicts {
		text += "\n  " + c
	}
	return text
}

// UnhealthyError says what did not come up.
type UnhealthyError struct{ Ailing []string }

func (e *UnhealthyError) Error() string {
	return "restored, but not healthy: " + strings.Join(e.Ailing, "; ")
}

// RolledBackError says that a restore failed and that the state before it is
// back.
type RolledBackError struct {
	Err    error
	Safety snapshot.ID
}

func (e *RolledBackError) Error() string {
	return fmt.Sprintf("%v (the state before was brought back)", e.Err)
}

func (e *RolledBackError) Unwrap() error { return e.Err }

// UnfinishedError says that a restore failed, and so did taking it back. The
// journal is kept, and the safety snapshot holds the state before.
type UnfinishedError struct {
	Err    error
	Safety snapshot.ID
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("%v; the state before is in snapshot %s", e.Err, e.Safety)
}

func (e *UnfinishedError) Unwrap() error { return e.Err }
