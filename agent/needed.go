package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"dogear/restore"
	"dogear/snapshot"
)

// need is why a snapshot has to stay.
type need struct {
	why string // as in: it stays because …
	way string // what can be done instead
	// yours says that it is for a person to give up.
	yours bool
}

// needs returns the snapshots of a workspace that something relies on. What
// jobs are reading at the moment is not among them, see jobs.holder.
//
// The journals are read before the log: a job that ends in between has logged
// what it did before its journal went.
func (a *Agent) needs(ctx context.Context, ws snapshot.Workspace) (map[snapshot.ID]need, error) {
	unfinished, err := a.unfinished(ws.Root)
	if err != nil {
		return nil, err
	}
	events, err := a.store.Events(ctx, ws.ID)
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	needs := make(map[snapshot.ID]need)
	if last, err := lastUndoable(events); err == nil {
		needs[undoTarget(last)] = need{
			why: "dogear undo goes back to it", way: "--force deletes it, and then there is nothing to undo", yours: true,
		}
	}
	if pause, ok := openPause(events); ok {
		needs[pause.Snapshot] = need{
			why: "it was paused and not resumed", way: "dogear resume brings it back; --force deletes it all the same", yours: true,
		}
	}
	for id, operation := range unfinished {
		needs[id] = need{
			why: fmt.Sprintf("a %s that is not finished needs it", operation),
			way: "wait for it, or run dogear recover if it was interrupted",
		}
	}
	return needs, nil
}

// unfinished returns the snapshots that the journals of a workspace name, and
// the operation that each is about.
func (a *Agent) unfinished(root string) (map[snapshot.ID]snapshot.Operation, error) {
	ids, err := a.journals()
	if err != nil {
		return nil, err
	}
	out := make(map[snapshot.ID]snapshot.Operation)
	for _, id := range ids {
		left, err := readGuard(a.journalPath(id, runningJournal))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has come to its end
		}
		if err != nil {
			return nil, err
		}
		if left.Workspace.Root != root {
			continue
		}
		out[left.Snapshot] = left.Operation
		journal, err := restore.ReadJournal(a.journalPath(id, restoreJournal))
		if err != nil {
			return nil, err
		}
		if journal != nil {
			out[journal.Target], out[journal.Safety] = left.Operation, left.Operation
		}
	}
	return out, nil
}
