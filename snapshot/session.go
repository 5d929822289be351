package snapshot

import (
	"context"

	"dogear/kind"
)

// Session is one capture's connection to a store. What is put becomes
// visible only with Commit, all of it at once.
type Session interface {
	// Source reads what is in the store and what this session has put.
	kind.Source
	// Sink returns a new sink that keeps account of one part's chunks.
	Sink() PartSink
	// Added returns the bytes by which the store's files have grown so far.
	Added() int64
	// Commit makes the content durable, then the snapshot visible.
	Commit(ctx context.Context, s Snapshot) error
	// Abort drops everything that was not committed. After Commit it does
	// nothing.
	Abort() error
}

// PartSink is the sink of one part.
type PartSink interface {
	kind.Sink
	// Reach returns the ids of all chunks that were put, or asked about and
	// known, in ascending order.
	Reach() []kind.ChunkID
	// PutReach stores Reach, for a part of that id. Where little differs from
	// the last snapshot of the workspace, it stores what does; a workspace of ""
	// has none.
	PutReach(ctx context.Context, workspace string, part kind.ID) (kind.Object, error)
}

// Guard records what a capture does to running things before it is done, so
// that another process can take it back if this one dies.
type Guard interface {
	// WillFreeze and WillStop are called before the deed; a deed that could
	// not be recorded is not done.
	WillFreeze(id kind.ID) error
	WillStop(id kind.ID) error
	// WillSettle is called before an item is stopped for good that was captured
	// frozen, in the run that its incarnation says: its snapshot is committed.
	// Another process brings that to its end instead of taking it back, unless
	// it is in another run by then. Settled is called after it.
	WillSettle(id kind.ID, run string) error
	Settled(id kind.ID)
	// Thawed and Resumed are called after the deed was taken back.
	Thawed(id kind.ID)
	Resumed(id kind.ID)
}
