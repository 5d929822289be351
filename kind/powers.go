package kind

import (
	"context"
	"errors"
)

// The interfaces in this file are optional: a Driver has those powers that
// its kind has.

// Resting is a Driver whose items have bytes at rest. Rest facts cover every
// byte, claimed or not, and are compared before anything is started.
type Resting interface {
	// InspectRest returns the rest facts of the live item.
	InspectRest(ctx context.Context, ws *Workspace, item Item) Facts
	// Rest returns the rest facts of a part.
	Rest(ctx context.Context, part Part, source Source) Facts
}

// Prover is a Resting driver that can compare bytes without a fact for each.
type Prover interface {
	// IsAtRest reports whether all bytes at rest were compared and none
	// differs: the rest facts of the live item are those of the part. If it
	// reports false they have to be compared to know.
	IsAtRest(ctx context.Context, ws *Workspace, part Part, source Source) (bool, error)
}

// Previewer is a Driver that can say what Restore would do.
type Previewer interface {
	Preview(ctx context.Context, ws *Workspace, part Part, source Source) (Change, error)
}

// Change is what Restore would do to one item.
type Change struct {
	// Action is none, create, patch, replace or recreate.
	Action Action `json:"action"`
	// Details are lines for people.
	Details []string `json:"details,omitempty"`
	// Conflicts are reasons why Restore cannot succeed, each with the way out.
	Conflicts []string `json:"conflicts,omitempty"`
	// Bytes is the amount of content that has to be written.
	Bytes int64 `json:"bytes,omitempty"`
	// Chunks is the content that is needed.
	Chunks []ChunkID `json:"-"`
	// Pieces are what is needed of those chunks of which not all is.
	Pieces []Piece `json:"-"`
	// Grows is by how much more is on the disk afterwards than before, or while
	// it is done. It may be negative.
	Grows int64 `json:"grows,omitempty"`
	// Runs says, of an item that can be stopped, that it runs now, WillRun that
	// it is to run.
	Runs    bool `json:"-"`
	WillRun bool `json:"-"`
	// Fresh says that there is nothing yet of the item.
	Fresh bool `json:"-"`
	// Remote names the other machine on which the item is, if Restore would
	// write to one: that has to be asked for (--yes-remote).
	Remote string `json:"remote,omitempty"`
}

// Action is what Restore does to an item as a whole.
type Action string

// The actions of a Change.
const (
	ActionNone     Action = "none"
	ActionCreate   Action = "create"
	ActionPatch    Action = "patch"
	ActionReplace  Action = "replace"
	ActionRecreate Action = "recreate"
	ActionRemove   Action = "remove"
	// ActionVerify: nothing is restored; what speaks for the item is part of
	// another tree.
	ActionVerify Action = "verify"
)

// Configurable is a Driver with options of its own (-o kind.key=value). An
// option that no driver has, or a value that it does not take, is refused.
type Configurable interface {
	Options() []Option
}

// Option is one option of a Configurable.
type Option struct {
	Key string
	// Values are those that it takes. Nil: any.
	Values []string
	// Lasting has an undo done under the same option as what it takes back.
	Lasting bool
}

// Clearer is a Driver that can leave an item clean at one of the states that
// it knows by a name (a branch, a tag, a commit), once the item was captured.
type Clearer interface {
	// CanClear returns nil if the item has that state and can be left there,
	// ErrNoState or ErrApart if it stays as it is, and else an error that says
	// what is in the way. It changes nothing.
	CanClear(ctx context.Context, ws *Workspace, item Item, at string) error
	// Clear leaves the item clean at the state, and says in lines for people
	// how that went. part is the item as it is now: nothing goes that is not
	// in it. What can go wrong half-way is taken back by Restore.
	Clear(ctx context.Context, ws *Workspace, part Part, source Source, at string) ([]string, error)
}

// ErrNoState says that an item has no state of a name, ErrApart that it is to
// be left as it is whatever states it has.
var (
	ErrNoState = errors.New("it has no such state")
	ErrApart   = errors.New("it is apart from the workspace")
)

// Expectant is a Driver that is told by dogear.yaml what there should be. Absent
// lists what of that the last Find has not found, as it is not there.
type Expectant interface {
	Absent(ws *Workspace) []Gap
}

// Remover is a Driver that can remove an item which the snapshot being
// restored does not have. It has been captured by then.
type Remover interface {
	Remove(ctx context.Context, ws *Workspace, item Item) error
}

// Tenant is a Driver whose items use trees that come back as bytes. Fits returns
// why a live item, as it is now, could not use a tree that a part of its kind
// claims, each with the way out. It is asked before anything is stopped, where
// such a tree is restored and what the live item runs in is not.
type Tenant interface {
	Fits(ctx context.Context, ws *Workspace, item Item, part Part, source Source) ([]string, error)
}

// Distant is a Remover some of whose items are on other machines.
type Distant interface {
	Remover
	// Machine names the other machine that a live item is on, "" if it is on
	// this one. What is there has to be asked for (--yes-remote).
	Machine(ctx context.Context, ws *Workspace, item Item) (string, error)
}

// Follower is a Remover whose items are found only where something uses them.
// One that a restore has made, and that nothing uses yet or any more, is known
// by its name alone.
type Follower interface {
	Remover
	// RemoveNamed is Remove for an item that may be gone.
	RemoveNamed(ctx context.Context, ws *Workspace, id ID) error
}

// Freezer is a Driver whose running items can be frozen for a moment.
type Freezer interface {
	// Freeze freezes the item if it is running, and reports whether it did.
	// An item that somebody else froze is left alone.
	Freeze(ctx context.Context, ws *Workspace, id ID) (bool, error)
	// Thaw undoes Freeze. An item that is not frozen is no error.
	Thaw(ctx context.Context, ws *Workspace, id ID) error
	// Incarnation identifies one run of the item from start to stop; it
	// changes whenever the item is restarted or thawed by others, and is empty
	// while it does not run.
	Incarnation(ctx context.Context, ws *Workspace, id ID) (string, error)
}

// Watchful is a Freezer some of whose items act on others: they restart what
// does not answer, say. Those are frozen and stopped before the others, and
// thawed after them.
type Watchful interface {
	Watches(ctx context.Context, ws *Workspace, id ID) (bool, error)
}

// Neighbourly is a Freezer that knows what runs beside the workspace and
// writes to what the workspace has.
type Neighbourly interface {
	// Neighbours lists what is not of the workspace, and has to be frozen with
	// it for the parts to belong to one instant. It is not captured and never
	// stopped. Needs says which items it writes to, and Why what it shares, in
	// words.
	Neighbours(ctx context.Context, ws *Workspace) ([]Neighbour, error)
}

// Neighbour is something that runs beside the workspace.
type Neighbour struct {
	ID    ID
	Needs []ID
	Why   string
}

// Stopper is a Driver whose items run.
type Stopper interface {
	// Stop stops the item cleanly, however long its own shutdown takes
	// within the context's deadline, and reports whether it was running. A
	// stopped item stays stopped until it is started again.
	Stop(ctx context.Context, ws *Workspace, id ID) (bool, error)
	// Resume starts again what Stop stopped, as it is, restoring nothing.
	Resume(ctx context.Context, ws *Workspace, id ID) error
	// StopsLast reports that stopping the item would lose it (a container
	// that its engine removes on exit): in a pause it is captured frozen and
	// stopped only after the commit.
	StopsLast(ctx context.Context, ws *Workspace, id ID) (bool, error)
}

// Fleeting is a Driver of items that live in the memory of what they run in.
type Fleeting interface {
	// LostByStop reports that the item would be lost if what it runs in were
	// stopped now: then that is captured frozen, and stopped after the commit,
	// as with Stopper.StopsLast.
	LostByStop(ctx context.Context, ws *Workspace, item Item) (bool, error)
}

// Perishable is a Driver parts of whose state end by themselves, at a time
// that is known when they are captured.
type Perishable interface {
	// Outlasting returns the facts that are due by now, if nobody has touched
	// the item since the part was captured with the given ones, and says what
	// has ended meanwhile.
	Outlasting(ctx context.Context, ws *Workspace, part Part, source Source, captured Facts) (Facts, []Gap, error)
}

// Starter is a Driver whose parts remember whether they ran. Start brings the
// restored item to the running state of the part: what ran is started, what
// had exited stays exited. An item that runs in another is started after it,
// and before all that hosts nothing.
type Starter interface {
	Start(ctx context.Context, ws *Workspace, part Part, source Source) error
}

// SelfStarter is a Starter whose items may be started by what they run on: by
// an engine, when it is started itself.
type SelfStarter interface {
	Starter
	// HoldBack keeps an item that does not run from being started like that,
	// until Start, which sets that as the part has it. An item that runs, or is
	// gone, is left alone.
	HoldBack(ctx context.Context, ws *Workspace, id ID) error
}

// Loader is a Starter whose Start may load all of an item, as what came back
// with the tree it claims is not its state.
type Loader interface {
	Starter
	// PreviewStart says what Start would do.
	PreviewStart(ctx context.Context, ws *Workspace, part Part, source Source) (Change, error)
}

// Exhibitor is a Driver whose parts hold something to read, with which nothing is
// compared: a log.
type Exhibitor interface {
	// Exhibits lists the names of what a part holds.
	Exhibits(part Part) []string
	// Exhibit returns one of them.
	Exhibit(ctx context.Context, part Part, source Source, name string) ([]byte, error)
}

// Shifter is a Driver some of whose items get something anew at each start (a
// port that the engine chooses). That is no fact, and nothing is made again
// for its sake, but who used it wants to know.
type Shifter interface {
	// Shifted lists what of it is another one now than in the part.
	Shifted(ctx context.Context, ws *Workspace, part Part, source Source) ([]Shift, error)
}

// Shift is something that was one thing and is another.
type Shift struct {
	What string
	Was  string
	Is   string
}

// HealthChecker is a Driver that can tell whether an item does its work.
// WaitHealthy returns nil once the item is as healthy as the part was when it was
// captured, and an error that says what is wrong when the context ends or
// health cannot come any more.
type HealthChecker interface {
	WaitHealthy(ctx context.Context, ws *Workspace, part Part, source Source) error
}

// Prober is a HealthChecker that can see for itself when an item does its work,
// which may be long before others call it healthy. Probe returns nil once it does,
// so that what needs the item may start, and an error when the context ends or
// that cannot be seen.
type Prober interface {
	Probe(ctx context.Context, ws *Workspace, part Part, source Source) error
}

// Diarist is a Driver whose items write down what they do. What did not become
// healthy is shown with the end of that.
type Diarist interface {
	// LastLines returns up to n lines, as the item wrote them.
	LastLines(ctx context.Context, ws *Workspace, id ID, n int) ([]string, error)
}

// Keeper is a Driver that can keep what was made since a part was captured,
// when its user comes back to the part rather than restoring it exactly.
type Keeper interface {
	// Keep is called before Restore, and takes aside what Restore would
	// undo. The function it returns is called after Restore and after the
	// comparison of bytes at rest; it puts the kept things back and says
	// what they are. label names the interruption, for names that have to be
	// made up. Close releases what was taken aside, on every path.
	Keep(ctx context.Context, ws *Workspace, part Part, source Source, label string) (Keepsake, error)
}

// Keepsake is what a Keeper took aside.
type Keepsake interface {
	PutBack(ctx context.Context) ([]Kept, error)
	Close() error
}

// Kept is something that was kept. Facts names the facts that differ from the
// part because of it.
type Kept struct {
	What  string
	Facts []string
	// NotKept says that it is named only: what was made since and cannot be
	// put beside the part is in the safety snapshot.
	NotKept bool
}

// Relocator is a Driver whose parts can be restored in another directory,
// beside the workspace that they were captured from.
type Relocator interface {
	// Relocate returns a part as it has to be when the workspace goes from
	// one root to another. What of it names paths is rewritten; the content
	// that is needed for that goes to sink.
	Relocate(ctx context.Context, part Part, source Source, sink Sink, from, to string) (Relocated, error)
}

// Relocated is a part for another place.
type Relocated struct {
	Part Part
	// Gaps lists what was left out. Its facts, and those of what was
	// rewritten, are told by Excuses. A part without an ID says that all of
	// it was.
	Gaps    []Gap
	Excuses func(fact string) bool
}

// Narrower is a Driver whose Restore leaves some of an item as it is, unless
// an option asks for it.
type Narrower interface {
	// Narrow returns what of a part is neither restored nor compared, or nil.
	Narrow(ctx context.Context, ws *Workspace, part Part, source Source) (*Narrowed, error)
}

// Narrowed is what of a part is left as it is.
type Narrowed struct {
	// All says that it is all of the part, and whether the item is there at all.
	All bool
	// Leaves reports whether a fact, named as Printable shows it, is of it.
	Leaves func(fact string) bool
	// Gap says what it is.
	Gap Gap
}
