package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"dogear/kind"
	"dogear/snapshot"
)

// maxFreeze is how long an item may stay frozen before the watchdog thaws it
// even though the agent is alive.
const maxFreeze = 5 * time.Minute

// thawTimeout bounds the watchdog's own work.
const thawTimeout = 2 * time.Minute

// StartWatchdog starts a process that runs RunWatchdog on what is written to
// it, and that outlives this one. It returns when that process listens. That
// process has the journal open, and so the lock on it, until it ends.
type StartWatchdog func(journal *os.File) (io.WriteCloser, error)

// order is one line of what a watchdog is told. The first line describes the
// workspace; each further one names one item.
type order struct {
	Workspace *wireWorkspace `json:"workspace,omitempty"`
	Frozen    kind.ID        `json:"frozen,omitzero"`
	Thawed    kind.ID        `json:"thawed,omitzero"`
	Settling  *lastRun       `json:"settling,omitempty"` // to be stopped, not thawed
}

// wireWorkspace is what drivers need of a workspace to reach its engine.
type wireWorkspace struct {
	Root     string                     `json:"root"`
	Config   map[string]json.RawMessage `json:"config,omitempty"`
	Options  map[string]string          `json:"options,omitempty"`
	Volatile []string                   `json:"volatile,omitempty"`
}

func toWire(ws *kind.Workspace) *wireWorkspace {
	w := &wireWorkspace{Root: ws.Root, Config: ws.Config, Options: ws.Options}
	for _, v := range ws.Volatile {
		w.Volatile = append(w.Volatile, string(v))
	}
	return w
}

func (w *wireWorkspace) workspace() *kind.Workspace {
	return &kind.Workspace{Root: w.Root, Config: w.Config, Options: w.Options}
}

// watchdog is the agent's end: started before the first freeze.
type watchdog struct {
	start   StartWatchdog
	ws      *kind.Workspace
	journal *os.File

	mu   sync.Mutex
	pipe io.WriteCloser
}

// tell sends one order, and does not return before the kernel has it: from
// then on the watchdog acts also if this process dies.
func (w *watchdog) tell(o order) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pipe == nil {
		pipe, err := w.start(w.journal)
		if err != nil {
			return fmt.Errorf("start watchdog: %w", err)
		}
		w.pipe = pipe
		if err := w.write(order{Workspace: toWire(w.ws)}); err != nil {
			return err
		}
	}
	return w.write(o)
}

func (w *watchdog) write(o order) error {
	if err := json.NewEncoder(w.pipe).Encode(o); err != nil {
		return fmt.Errorf("tell watchdog: %w", err)
	}
	return nil
}

// close lets the watchdog go. What it was not told to be thawed, it thaws.
func (w *watchdog) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pipe == nil {
		return nil
	}
	return w.pipe.Close()
}

// RunWatchdog is the other end. It keeps account of what is frozen, and thaws
// exactly that when the agent has died (orders end) or has left it frozen for
// too long. What the agent was about to stop for good when it died it stops.
func RunWatchdog(orders io.Reader, drivers []kind.Driver) error {
	return guardFrozen(orders, drivers, maxFreeze)
}

func guardFrozen(orders io.Reader, drivers []kind.Driver, limit time.Duration) error {
	lines := readOrders(orders)
	var ws *kind.Workspace
	var frozen []kind.ID
	var settling []lastRun
	tooLong := time.NewTimer(limit)
	for {
		select {
		case o, ok := <-lines:
			switch {
			case !ok:
				_, err := settle(drivers, ws, settling, lastMoments)
				return errors.Join(thaw(drivers, ws, frozen), err)
			case o.Workspace != nil:
				ws = o.Workspace.workspace()
			case !o.Frozen.IsZero():
				frozen = append(frozen, o.Frozen)
				tooLong.Reset(limit)
			case o.Settling != nil:
				frozen = without(frozen, o.Settling.ID)
				settling = append(settling, *o.Settling)
			default:
				frozen = without(frozen, o.Thawed)
				settling = settled(settling, o.Thawed)
			}
		case <-tooLong.C:
			if err := thaw(drivers, ws, frozen); err != nil {
				return err
			}
			frozen = nil
		}
	}
}

// readOrders hands on orders until they end. Only whole lines count: what a
// dying agent did not finish writing, it has not done either.
func readOrders(r io.Reader) <-chan order {
	out := make(chan order)
	go func() {
		defer close(out)
		lines := bufio.NewReader(r)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			var o order
			if json.Unmarshal(line, &o) == nil {
				out <- o
			}
		}
	}()
	return out
}

func thaw(drivers []kind.Driver, ws *kind.Workspace, ids []kind.ID) error {
	ctx, cancel := context.WithTimeout(context.Background(), thawTimeout)
	defer cancel()
	byKind := snapshot.ByKind(drivers)
	var errs []error
	for _, id := range ids {
		freezer, ok := byKind[id.Kind].(kind.Freezer)
		if !ok {
			continue
		}
		if err := freezer.Thaw(ctx, ws, id); err != nil {
			errs = append(errs, fmt.Errorf("thaw %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}
