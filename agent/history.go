package agent

import (
	"dogear/agent/api"
	"dogear/snapshot"
)

// Outcomes of an event.
const (
	outcomeDone       = "done"
	outcomeFailed     = "failed"
	outcomeRolledBack = "rolled back"
	outcomeUnfinished = "unfinished"
)

// lastUndoable returns the last operation that undo takes back. An undo is
// one too: taking it back does again what it had undone. events are newest
// first.
func lastUndoable(events []snapshot.Event) (snapshot.Event, error) {
	for _, e := range events {
		if e.Outcome == outcomeDone && undoTarget(e) != "" {
			return e, nil
		}
	}
	return snapshot.Event{}, &api.Error{
		Code: api.CodeNotFound, Message: "there is nothing to undo in this workspace",
		State: "nothing has changed", Hint: "dogear log shows what was done",
	}
}

// undoTarget is the snapshot that brings back what was before an operation:
// a pause changed nothing but what ran, so its own; else the one taken for
// safety.
func undoTarget(e snapshot.Event) snapshot.ID {
	switch e.Operation {
	case snapshot.OpPause:
		return e.Snapshot
	case snapshot.OpResume, snapshot.OpRestore, snapshot.OpUndo:
		return e.Safety
	}
	return ""
}

// lastPause returns the last pause, which resume goes back to.
func lastPause(events []snapshot.Event) (snapshot.Event, error) {
	for _, e := range events {
		if e.Outcome == outcomeDone && e.Operation == snapshot.OpPause {
			return e, nil
		}
	}
	return snapshot.Event{}, &api.Error{
		Code: api.CodeNotFound, Message: "this workspace was never paused",
		State: "nothing has changed", Hint: "dogear resume SNAPSHOT or dogear restore SNAPSHOT go back to any snapshot",
	}
}

// openPause returns the last pause that was neither resumed nor taken back,
// if there is one. events are newest first, so that of each it is known
// whether it was undone.
func openPause(events []snapshot.Event) (snapshot.Event, bool) {
	undone := make(map[uint64]bool)
	back := make(map[snapshot.ID]bool) // to where the workspace was brought
	for _, e := range events {
		if e.Outcome != outcomeDone || undone[e.Seq] {
			continue
		}
		switch e.Operation {
		case snapshot.OpPause:
			if !back[e.Snapshot] {
				return e, true
			}
		case snapshot.OpUndo:
			undone[e.Undoes] = true
		case snapshot.OpResume, snapshot.OpRestore:
			back[e.Snapshot] = true
		}
	}
	return snapshot.Event{}, false
}
