package kind

import (
	"context"
	"iter"
)

// A part may come back by itself, though its bytes are in a tree that it
// claims: a database from its dump, into a server that runs. If its driver is
// Separable it does so if it is selected and the tree is not. Preview then says
// what is in the way (no dump was taken, the server does not run), and Restore
// does it.
//
// The interfaces in this file are for such parts, and optional like those in
// powers.go.

// Separable is a Driver whose parts can come back without the trees that they
// claim, and without what they need: that runs already, or Preview says what
// is in the way.
type Separable interface {
	Separable(part Part) bool
}

// Insider is a Driver that can restore something within an item alone, named
// as kind/name:inside. The engine sets Part.Inside; Preview and Restore touch
// nothing else then, and Narrow leaves everything else out of the comparison.
// If a part has nothing of a name, Restore removes what there is.
type Insider interface {
	Narrower
	// HasInside returns nil if the part has something of that name that can
	// be restored alone, and else an error that says what it has.
	HasInside(ctx context.Context, part Part, source Source, inside string) error
}

// Exchanger is a Driver whose Restore makes the new state beside the live one
// and exchanges them in one step, keeping the old one: what is written to the
// item between the safety snapshot and that step is in what is kept, so it
// may be written to meanwhile.
//
// What is kept has the name of that safety snapshot (Workspace.Safety), which
// tells whether the step was done: a Restore with Part.Back that finds nothing
// kept under that name leaves the live item as it is if a restore is being taken
// back, and otherwise makes the part from its content.
type Exchanger interface {
	// Exchanges reports whether Restore of the part does that.
	Exchanges(part Part) bool
	// Release drops what was kept of the items, and of those that their servers
	// no longer have, as nothing can be undone with it any more.
	Release(ctx context.Context, ws *Workspace, items []Item) error
}

// Importer is a Driver that takes dumps of other programs.
type Importer interface {
	// Import makes of the file at a path what Finish of a capture would have
	// made: a part of the given item, with its facts. The item is one that was
	// found, or, of a server that was, one that it does not have yet. The file
	// is not trusted. What the part needs is set by the engine.
	Import(ctx context.Context, ws *Workspace, item Item, path string, sink Sink) (Part, error)
	// Parent returns the id of the item whose server would have the item.
	Parent(id ID) ID
}

// Explainer is a Driver that can show what lies behind the differences of an
// item: the statements that define it, its rows, lines of a file.
type Explainer interface {
	// Explain compares two states and yields what differs, sorted by fact, as
	// far as there is more to say than the facts do. It holds no state in
	// memory as a whole.
	Explain(ctx context.Context, ws *Workspace, a, b State, how Explaining) iter.Seq2[Explanation, error]
}

// State is one state of an item: as it was captured, or, without a Source, as
// it is live.
type State struct {
	Part   Part
	Source Source
}

// Live reports whether it is the live state. Of its Part only what an Item
// has is set.
func (s State) Live() bool { return s.Source == nil }

// Explaining says how much an explanation tells.
type Explaining struct {
	Details bool // each row or line, not only how many
	Values  bool // also what may be secret; otherwise it is shown as ***
}

// Explanation is what lies behind one fact that differs.
type Explanation struct {
	Part ID     `json:"part"`
	Fact string `json:"fact"`
	// Summary is one line: "3 rows added, 1 removed, 2 changed".
	Summary string `json:"summary,omitempty"`
	// Lines begin with "- " (only in a), "+ " (only in b), "~ " (changed) or
	// two spaces. They are printable.
	Lines []string `json:"lines,omitempty"`
	// More is how many lines were left out.
	More int64 `json:"more,omitempty"`
}

// MaxLines is how many lines an explanation of one fact has at most.
const MaxLines = 1000
