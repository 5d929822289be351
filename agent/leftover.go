package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"dogear/kind"
	"dogear/snapshot"
)

// leftover is what a journal says about a job that did not come to its end.
type leftover struct {
	beginning
	frozen   []kind.ID
	stopped  []kind.ID // in that order
	settling []lastRun
	done     *snapshot.Event
}

// any reports whether there is anything to take back, or to conclude.
func (l *leftover) any() bool {
	return len(l.frozen)+len(l.stopped)+len(l.settling) > 0 || l.done != nil
}

// readGuard reads a journal. A last line that was not finished was not acted
// on either.
func readGuard(path string) (leftover, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return leftover{}, fmt.Errorf("read journal: %w", err)
	}
	var l leftover
	lines := bufio.NewReader(bytes.NewReader(content))
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		var d deed
		if err := json.Unmarshal(line, &d); err != nil {
			return leftover{}, fmt.Errorf("read journal %s: %w", path, err)
		}
		l.apply(d)
	}
}

func (l *leftover) apply(d deed) {
	switch {
	case d.Begin != nil:
		l.beginning = *d.Begin
	case !d.Freezing.IsZero():
		l.frozen = append(l.frozen, d.Freezing)
	case !d.Stopping.IsZero():
		l.stopped = append(l.stopped, d.Stopping)
	case !d.Thawed.IsZero():
		l.frozen = without(l.frozen, d.Thawed)
		l.settling = settled(l.settling, d.Thawed)
	case !d.Resumed.IsZero():
		l.stopped = without(l.stopped, d.Resumed)
	case d.Settling != nil:
		l.frozen = without(l.frozen, d.Settling.ID)
		l.settling = append(l.settling, *d.Settling)
	case !d.Settled.IsZero():
		l.settling = settled(l.settling, d.Settled)
		l.stopped = append(l.stopped, d.Settled)
	case d.Done != nil:
		l.done = d.Done
	}
}

func without(ids []kind.ID, gone kind.ID) []kind.ID {
	return slices.DeleteFunc(ids, func(id kind.ID) bool { return id == gone })
}
