package restore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"dogear/kind"
	"dogear/snapshot"
)

// Clearing leaves items clean at states that their user named, after a
// snapshot was committed that holds them. It is done wholly, or else what it
// did, and what the snapshot stopped, is taken back.
type Clearing struct {
	Drivers   []kind.Driver
	Workspace *kind.Workspace
	// Snapshot holds the items as they are; Stopped is what it stopped.
	Snapshot  snapshot.Snapshot
	Stopped   []kind.ID
	Operation snapshot.Operation
	At        map[kind.ID]string

	Source        kind.Source
	Guard         snapshot.Guard
	JournalPath   string
	HealthTimeout time.Duration
	Progress      func(stage string)
	// Done is told when all is clean, while it can still be taken back.
	Done func() error
}

// Cleared says how an item was left.
type Cleared struct {
	Part  kind.ID  `json:"part"`
	Lines []string `json:"lines"` // for people
}

// Run carries the clearing out.
func (c Clearing) Run(ctx context.Context) ([]Cleared, error) {
	j := ClearingJournal(c.JournalPath, c.Operation, &c.Snapshot, c.Stopped)
	cleared, err := c.clear(ctx, j)
	if err == nil {
		err = c.Done()
	}
	if err != nil {
		return nil, rollback{
			Rollback: Rollback{
				Drivers: c.Drivers, Workspace: c.Workspace, Safety: c.Snapshot, Journal: j,
				Source: c.Source, Guard: c.Guard, HealthTimeout: c.HealthTimeout, Progress: c.Progress,
			},
			cause: err, what: "clearing",
		}.run(ctx)
	}
	return cleared, j.remove()
}

// ClearingJournal is the journal of a clearing after a snapshot, which is what
// is gone back to. A clearing that was killed before it wrote one has this.
func ClearingJournal(path string, op snapshot.Operation, s *snapshot.Snapshot, stopped []kind.ID) *Journal {
	return &Journal{path: path, Operation: op, Workspace: s.Workspace.Root, Target: s.ID, Safety: s.ID, Begun: slices.Clone(stopped)}
}

func (c Clearing) clear(ctx context.Context, j *Journal) ([]Cleared, error) {
	if err := j.save(); err != nil {
		return nil, err
	}
	drivers := snapshot.ByKind(c.Drivers)
	var all []Cleared
	for _, id := range slices.SortedFunc(maps.Keys(c.At), kind.ID.Compare) {
		part, ok := c.Snapshot.Part(id)
		if !ok {
			return nil, fmt.Errorf("clear %s: %w", id, kind.ErrGone)
		}
		c.Progress(fmt.Sprintf("leaving %s at %s", id, c.At[id]))
		if err := j.begin(id); err != nil {
			return nil, err
		}
		lines, err := drivers[id.Kind].(kind.Clearer).Clear(ctx, c.Workspace, part.Part, c.Source, c.At[id])
		if err != nil {
			return nil, fmt.Errorf("leave %s at %s: %w", id, c.At[id], err)
		}
		all = append(all, Cleared{Part: id, Lines: lines})
	}
	return all, nil
}
