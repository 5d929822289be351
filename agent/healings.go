package agent

import (
	"fmt"
	"slices"
	"sync"

	"dogear/snapshot"
)

// healings are what was brought to an end, until somebody who works on the
// workspace is told.
type healings struct {
	mu     sync.Mutex
	byRoot map[string][]snapshot.Event // guarded by mu
}

func (h *healings) add(root string, e snapshot.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byRoot == nil {
		h.byRoot = make(map[string][]snapshot.Event)
	}
	h.byRoot[root] = append(h.byRoot[root], e)
}

// take returns those of a workspace, and forgets them.
func (h *healings) take(root string) []snapshot.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	events := slices.Clone(h.byRoot[root])
	delete(h.byRoot, root)
	return events
}

// healedNote says what state the workspace is in now.
func healedNote(root string, e snapshot.Event) string {
	switch {
	case e.Outcome == outcomeDone:
		return fmt.Sprintf("first: an %s of %s turned out to be done, and was entered in the log", e.Note, root)
	case e.Safety != "":
		return fmt.Sprintf("first: an %s of %s was taken back; it is as it was before (safety snapshot %s)", e.Note, root, e.Safety)
	}
	return fmt.Sprintf("first: an %s of %s was taken back; what it had stopped or frozen runs again", e.Note, root)
}
