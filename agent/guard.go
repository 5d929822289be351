package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"dogear/internal/atomicfile"
	"dogear/kind"
	"dogear/restore"
	"dogear/snapshot"
)

// guard keeps the journal of what a job froze and stopped, and the watchdog
// in step with it. The journal is a file of JSON lines: what the job is, then
// one line for each deed before it is done, and one after it was taken back.
type guard struct {
	watchdog *watchdog

	mu   sync.Mutex
	file *os.File
	left leftover // what the journal says
}

var _ snapshot.Guard = (*guard)(nil)

// deed is one line of the journal.
type deed struct {
	Begin    *beginning `json:"begin,omitempty"`
	Freezing kind.ID    `json:"freezing,omitzero"`
	Stopping kind.ID    `json:"stopping,omitzero"`
	Thawed   kind.ID    `json:"thawed,omitzero"`
	Resumed  kind.ID    `json:"resumed,omitzero"`
	// Settling is what is stopped for good, after the commit.
	Settling *lastRun `json:"settling,omitempty"`
	Settled  kind.ID  `json:"settled,omitzero"`
	// Done says that a restore is not taken back any more, and what the log
	// says of it.
	Done *snapshot.Event `json:"done,omitempty"`
}

// beginning says which job a journal is about.
type beginning struct {
	Operation snapshot.Operation `json:"operation"`
	Workspace wireWorkspace      `json:"workspace"`
	// Snapshot is the id under which the job will commit: if it is in the
	// store, what the job stopped is meant to be stopped.
	Snapshot snapshot.ID `json:"snapshot,omitempty"`
	// Clears says that the job is not done with that: it leaves items clean.
	Clears bool `json:"clears,omitempty"`
	// Restores is how a restore was asked for, to go on with it.
	Restores *asked `json:"restores,omitempty"`
}

// asked is what a restore was asked for.
type asked struct {
	Only        []string `json:"only,omitempty"`
	Except      []string `json:"except,omitempty"`
	Remotely    bool     `json:"remotely,omitempty"`
	Keep        bool     `json:"keep,omitempty"`
	OnlyHealthy bool     `json:"only_healthy,omitempty"`
	WithinMS    int64    `json:"within_ms,omitempty"`
	Undoes      uint64   `json:"undoes,omitempty"` // Seq
}

// newGuard opens the journal.
func newGuard(path string, begin beginning, ws *kind.Workspace, start StartWatchdog) (*guard, error) {
	line, err := json.Marshal(deed{Begin: &begin})
	if err != nil {
		return nil, fmt.Errorf("write journal: %w", err)
	}
	if err := atomicfile.Write(path, 0o600, append(line, '\n')); err != nil {
		return nil, fmt.Errorf("write journal: %w", err)
	}
	return reopenGuard(path, ws, start)
}

// reopenGuard goes on with the journal of a job that was interrupted, after
// its last whole line.
func reopenGuard(path string, ws *kind.Workspace, start StartWatchdog) (*guard, error) {
	if err := dropTorn(path); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	// Held by the watchdog too, so for as long as one of both is at work.
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock journal: %w", err), file.Close())
	}
	return &guard{file: file, watchdog: &watchdog{start: start, ws: ws, journal: file}}, nil
}

// dropTorn removes a last line that was not finished.
func dropTorn(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	whole := bytes.LastIndexByte(content, '\n') + 1
	if whole == len(content) {
		return nil
	}
	return os.Truncate(path, int64(whole))
}

// WillFreeze implements snapshot.Guard. A freeze does not survive the
// machine, so its record need not either: it is written and not synced.
func (g *guard) WillFreeze(id kind.ID) error {
	if err := g.record(deed{Freezing: id}, false); err != nil {
		return err
	}
	return g.watchdog.tell(order{Frozen: id})
}

// WillStop implements snapshot.Guard.
func (g *guard) WillStop(id kind.ID) error { return g.record(deed{Stopping: id}, true) }

// Thawed implements snapshot.Guard. If it cannot be recorded, whoever reads
// the journal thaws what is not frozen, which does nothing.
func (g *guard) Thawed(id kind.ID) {
	_ = g.record(deed{Thawed: id}, false)
	_ = g.watchdog.tell(order{Thawed: id})
}

// Resumed implements snapshot.Guard.
func (g *guard) Resumed(id kind.ID) { _ = g.record(deed{Resumed: id}, false) }

// WillSettle implements snapshot.Guard.
func (g *guard) WillSettle(id kind.ID, run string) error {
	last := lastRun{ID: id, Run: run}
	if err := g.record(deed{Settling: &last}, true); err != nil {
		return err
	}
	return g.watchdog.tell(order{Settling: &last})
}

// Settled implements snapshot.Guard. If it cannot be recorded, whoever reads
// the journal finds that it does not run.
func (g *guard) Settled(id kind.ID) {
	_ = g.record(deed{Settled: id}, false)
	_ = g.watchdog.tell(order{Thawed: id})
}

// done ends what can be taken back.
func (g *guard) done(e snapshot.Event) error { return g.record(deed{Done: &e}, true) }

func (g *guard) record(d deed, durable bool) error {
	line, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := g.file.Write(append(line, '\n')); err != nil {
		return errors.Join(fmt.Errorf("write journal: %w", err), dropTorn(g.file.Name()))
	}
	g.left.apply(d)
	if durable {
		if err := g.file.Sync(); err != nil {
			return fmt.Errorf("sync journal: %w", err)
		}
	}
	return nil
}

// close ends the guard of a job that ended with the given error, and returns
// that and its own. If the job could not take back all that it did, or could
// not log that it is done, the journal stays, so that it can be made up for
// later.
func (g *guard) close(outcome error) error {
	err := errors.Join(outcome, g.release())
	var unfinished *restore.UnfinishedError
	switch {
	case errors.As(outcome, &unfinished):
		return err
	case outcome != nil && g.left.any():
		return &unsettledError{error: err, left: g.left}
	}
	return errors.Join(err, os.Remove(g.file.Name()))
}

// unsettledError says that a job failed, and could not take back what it had
// done to what runs.
type unsettledError struct {
	error
	left leftover
}

func (e *unsettledError) Unwrap() error { return e.error }

// state names what is left.
func (e *unsettledError) state() string {
	var left []string
	for what, ids := range map[string][]kind.ID{"frozen": e.left.frozen, "stopped": e.left.stopped} {
		for _, id := range ids {
			left = append(left, id.String()+" may still be "+what)
		}
	}
	for _, last := range e.left.settling {
		left = append(left, last.ID.String()+" was being stopped, after it was captured")
	}
	slices.Sort(left)
	return strings.Join(append(left, "nothing is lost"), "; ")
}

// release lets go of the journal and leaves it there.
func (g *guard) release() error { return errors.Join(g.watchdog.close(), g.file.Close()) }
