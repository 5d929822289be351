package agent

import (
	"fmt"
	"slices"
	"sync"

	"dogear/kind"
	"dogear/snapshot"
)

// healings are what was brought to an end, until somebody who works on the
// workspace is told.
type healings struct {
	mu     sync.Mutex
	byRoot map[string][]healing // guarded by mu
}

// healing is how something interrupted was brought to an end, and what it was
// to stop and has not stopped.
type healing struct {
	snapshot.Event
	running []kind.ID
}

func (h *healings) add(root string, e healing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byRoot == nil {
		h.byRoot = make(map[string][]healing)
	}
	h.byRoot[root] = append(h.byRoot[root], e)
}

// take returns those of a workspace, and forgets them.
func (h *healings) take(root string) []healing {
	h.mu.Lock()
	defer h.mu.Unlock()
	events := slices.Clone(h.byRoot[root])
	delete(h.byRoot, root)
	return events
}

// healedNote says what state the workspace is in now.
func healedNote(root string, e healing) string {
	note := outcomeNote(root, e.Event)
	if e.Found != "" {
		note += fmt.Sprintf("; what was written since it was interrupted is in snapshot %s: dogear show %s", e.Found, e.Found)
	}
	for _, id := range e.running {
		note += fmt.Sprintf("; %s still runs: it was thawed after it was captured, and stopping it now would lose what it has written since", id)
	}
	return note
}

func outcomeNote(root string, e snapshot.Event) string {
	switch {
	case e.Outcome == outcomeDone:
		return fmt.Sprintf("first: an %s of %s turned out to be done, and was entered in the log", e.Note, root)
	case e.Safety != "":
		return fmt.Sprintf("first: an %s of %s was taken back; it is as it was before (safety snapshot %s)", e.Note, root, e.Safety)
	}
	return fmt.Sprintf("first: an %s of %s was taken back; what it had stopped or frozen runs again", e.Note, root)
}
