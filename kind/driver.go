package kind

import (
	"context"
	"time"
)

// Driver is all that is known about one kind.
//
// Errors say what was being done and to what inside the item; the engine adds
// the operation and the item.
type Driver interface {
	// Kind returns the kind's name, the first half of its items' ids.
	Kind() string

	// Find lists the items of this kind in the workspace, sorted by id.
	// found holds what the drivers before this one (in the order of package
	// kind/all) have found. A technology that is not in use, or whose server
	// cannot be reached though nothing here needs it, is no error.
	Find(ctx context.Context, ws *Workspace, found []Item) ([]Item, error)

	// Inspect returns the live state of an item as facts. It changes
	// nothing. Paths in item.Claimed are left out: others speak for them.
	// It returns ErrGone if the item does not exist.
	Inspect(ctx context.Context, ws *Workspace, item Item) Facts

	// Open begins a capture of the item.
	Open(ctx context.Context, ws *Workspace, item Item, sink Sink) (Capture, error)

	// Restore makes the live item what the part says. It converges: it
	// touches only what differs, and running it again, also after it was
	// killed half-way, ends in the same state. What runs on the item has been
	// stopped by then; Restore starts nothing.
	Restore(ctx context.Context, ws *Workspace, part Part, source Source) error
}

// Capture is one capture of one item. The engine calls, in this order:
// Prepare (if it is a Preparer), Hold (if it is a Holder), Take, Finish,
// Close. Close is called on every path, also after an error of another
// method, and releases everything.
//
// In a save everything between Hold and Take of the last item happens while
// the workspace is frozen; in a pause while it is stopped, save for items
// that run in a container: those are finished before their container stops.
type Capture interface {
	// Take fixes the state. It is called once, in the shortest possible
	// time: it compresses nothing and puts nothing in the sink.
	Take(ctx context.Context) error
	// Finish stores what Take fixed, and returns the part.
	Finish(ctx context.Context) (Part, error)
	Close() error
}

// Preparer is a Capture that can do most of its reading while everything is
// still live. Prepare may be called several times.
type Preparer interface {
	Prepare(ctx context.Context) error
}

// Gauge is a Preparer that says how many bytes it has read so far. What is
// written while Prepare reads is left for Take, when everything waits: the
// engine prepares again for as long as that leaves less and less.
type Gauge interface {
	Preparer
	Read() int64
}

// Foreseer is a Preparer that can store what Finish will return if nothing
// changes any more, so that nobody waits for that in a stop.
type Foreseer interface {
	Preparer
	// Foresee is called after Prepare, while everything is live, and reports
	// false if it cannot tell.
	Foresee(ctx context.Context) (Part, bool, error)
	// CameTrue reports, after Take, whether what was fixed is what was foreseen,
	// and in which time it is known to have been the state. Finish is called
	// only if it is not.
	CameTrue() (Interval, bool)
}

// Holder is a Capture that opens its view of the state (a transaction) while
// the writers are frozen or stopped already, and its own server is not.
type Holder interface {
	Hold(ctx context.Context) error
}

// Part is an item as it was captured.
type Part struct {
	ID     ID      `json:"id"`
	Needs  []ID    `json:"needs,omitempty"`
	RunsIn ID      `json:"runs_in,omitzero"`
	Root   string  `json:"root,omitempty"`
	Claims []Claim `json:"claims,omitempty"`

	// Nested and Claimed are those of the item when it was captured.
	Nested  []string  `json:"nested,omitempty"`
	Claimed []Pattern `json:"claimed,omitempty"`

	// Objects is the content, by name. What is private to the driver is an
	// object too.
	Objects []Object `json:"objects,omitempty"`

	// Held is the time in which the captured state is known, by measurement,
	// to have been the state of the item. Zero if it changed while it was
	// being read.
	Held Interval `json:"held,omitzero"`

	// Transaction says that the state is that of a database transaction.
	Transaction bool `json:"transaction,omitempty"`

	// Read counts the plain bytes of content that were read for this capture.
	Read int64 `json:"-"`

	// Delta says how that was kept which had changed when the state was fixed.
	Delta Delta `json:"-"`

	// Fidelity says whether the item was captured as it is, and Lost, if not,
	// what of it no restore brings back.
	Fidelity Fidelity `json:"fidelity,omitempty"`
	Lost     string   `json:"lost,omitempty"`

	// Gaps lists what was not captured.
	Gaps []Gap `json:"gaps,omitempty"`

	// Crumbs tell a person where they were, in lines. Nothing is compared
	// with them.
	Crumbs []string `json:"crumbs,omitempty"`

	// Inside names what within the item is to be restored; nil: all of it. It
	// is set on a part that is restored, and only for an Insider.
	Inside []string `json:"-"`

	// Back is set on a part that is restored to take back the last restore, and
	// names the safety snapshot of that: what an Exchanger kept under that name is
	// the part's state, and what was written to it since.
	Back string `json:"-"`

	// Facts are the facts of the state that was captured: what Inspect would
	// have returned at that moment. The engine stores them; they are not set
	// on a part that is restored.
	Facts Facts `json:"-"`
}

// Fidelity is how much of an item a capture could have.
type Fidelity string

// Reduced says that it could not have all. Without, it is exact.
const Reduced Fidelity = "reduced"

// Object returns the object with the given name.
func (p Part) Object(name string) (Object, bool) {
	for _, o := range p.Objects {
		if o.Name == name {
			return o, true
		}
	}
	return Object{}, false
}

// Item returns the item that the part was captured from, for comparing it
// with what is live now.
func (p Part) Item() Item {
	return Item{ID: p.ID, Root: p.Root, Needs: p.Needs, RunsIn: p.RunsIn, Claims: p.Claims, Nested: p.Nested, Claimed: p.Claimed}
}

// Interval is a stretch of time, both ends included.
type Interval struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// IsZero reports whether the interval says nothing.
func (i Interval) IsZero() bool { return i.From.IsZero() && i.To.IsZero() }

// Covers reports whether all of other lies in the interval.
func (i Interval) Covers(other Interval) bool {
	return !i.IsZero() && !other.From.Before(i.From) && !other.To.After(i.To)
}

// Delta counts the files that had changed since they were last read, when the
// state of an item was fixed. A clone shares the blocks of the file (reflink),
// and takes no time, however large the file is; a file that never changes under
// its name is held open.
type Delta struct {
	Cloned int `json:"cloned"`
	Copied int `json:"copied"`
	Pinned int `json:"pinned"`
}

// Plus returns the sum of both.
func (d Delta) Plus(e Delta) Delta {
	return Delta{d.Cloned + e.Cloned, d.Copied + e.Copied, d.Pinned + e.Pinned}
}
