package agent

import (
	"context"
	"errors"
	"fmt"
	"os"

	"dogear/agent/api"
	"dogear/restore"
	"dogear/snapshot"
	"dogear/store"
)

// log records what was done to a workspace.
func (a *Agent) log(ctx context.Context, ws snapshot.Workspace, j *job, e snapshot.Event) error {
	e.Time, e.Workspace, e.Author = a.Now(), ws.ID, author(j)
	if err := a.store.AppendEvent(context.WithoutCancel(ctx), &e); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

// author is user@host of the person at the other end of a job.
func author(j *job) string {
	host, err := os.Hostname()
	if err != nil {
		return j.User
	}
	return j.User + "@" + host
}

// outcome is how an operation ended, for the log.
func outcome(err error) string {
	var rolledBack *restore.RolledBackError
	var unfinished *restore.UnfinishedError
	var unsettled *unsettledError
	switch {
	case err == nil:
		return outcomeDone
	case errors.As(err, &rolledBack):
		return outcomeRolledBack
	case errors.As(err, &unfinished), errors.As(err, &unsettled):
		return outcomeUnfinished
	}
	return outcomeFailed
}

// describe makes of the error of a job what its client is told. ctx is the
// job's: an error after it was cancelled is most likely due to that.
func describe(ctx context.Context, err error) *api.Error {
	var known *api.Error
	var conflict *restore.ConflictError
	var unfinished *restore.UnfinishedError
	var unsettled *unsettledError
	switch {
	case errors.As(err, &unsettled):
		return &api.Error{
			Code: api.CodeUnfinished, Message: err.Error(), State: unsettled.state(), Hint: "remove the cause, then run dogear recover",
		}
	case errors.As(err, &known):
		return known
	case errors.As(err, &conflict):
		return &api.Error{Code: api.CodeFailed, Message: err.Error(), State: "nothing was touched", Hint: "remove what is in the way and try again"}
	case errors.As(err, &unfinished):
		return &api.Error{
			Code: api.CodeUnfinished, Message: err.Error(),
			State: "between two states; nothing is lost: snapshot " + string(unfinished.Safety) + " holds the state before",
			Hint:  "remove the cause, then run dogear recover",
		}
	case ctx.Err() != nil:
		return &api.Error{Code: api.CodeInterrupted, Message: "interrupted", State: stateAfter(err), Hint: "run the command again"}
	}
	e := &api.Error{Code: api.CodeFailed, Message: err.Error(), State: stateAfter(err)}
	if errors.Is(err, store.ErrDamaged) {
		e.Hint = "the store is damaged: dogear check --read-data says where; other snapshots may be whole"
	}
	return e
}

// stateAfter says what a failed job has left behind.
func stateAfter(err error) string {
	var rolledBack *restore.RolledBackError
	if errors.As(err, &rolledBack) {
		return "the state before was brought back"
	}
	return "the workspace is as it was"
}

// cannotOpen makes an error of the store one with a way out.
func cannotOpen(err error) error {
	hint := map[error]string{
		store.ErrNotWritable: "name another directory with --store or DOGEAR_STORE",
		store.ErrNotPrivate:  "a store holds secrets: it has to belong to you alone (0700)",
		store.ErrNotStore:    "name another directory with --store or DOGEAR_STORE",
		store.ErrNewer:       "use a newer dogear",
		store.ErrOlder:       "name another directory with --store or DOGEAR_STORE",
	}
	for sentinel, way := range hint {
		if errors.Is(err, sentinel) {
			return &api.Error{Code: api.CodeFailed, Message: err.Error(), State: "nothing has changed", Hint: way}
		}
	}
	if errors.Is(err, store.ErrDamaged) {
		return &api.Error{
			Code: api.CodeDamaged, Message: err.Error(), State: "nothing has changed",
			Hint: "dogear repair rebuilds the catalog from the packs and records beside it",
		}
	}
	if errors.Is(err, store.ErrLocked) {
		return err
	}
	return &api.Error{
		Code: api.CodeFailed, Message: err.Error(), State: "nothing has changed",
		Hint: "if a file of the store is gone, bring it back from a copy; --store names another directory",
	}
}
