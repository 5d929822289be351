package snapshot

import (
	"slices"
	"time"

	"dogear/kind"
)

// instant returns the moment that the parts belong to. While the window lasts
// nothing that runs for the workspace can write, so any moment of it will do
// for what only those write to. A tree that others may write to was looked at
// until two looks agreed; the latest begin of such a stretch is the first
// moment at which all of them are known.
func (r *round) instant() time.Time {
	t := r.window.From
	for _, c := range r.captures {
		if from := c.part.Held.From; from.After(t) && !from.After(r.window.To) && c.isOpenToOthers() {
			t = from
		}
	}
	return t
}

// isOpenToOthers reports whether more than the workspace's own containers may
// write to the item: it lies in a directory of this host.
func (c *capture) isOpenToOthers() bool { return c.item.Root != "" }

// consistency says how firmly a part is tied to the instant.
func (r *round) consistency(c *capture, instant time.Time) Consistency {
	switch {
	case c.part.Transaction:
		return Transaction
	case c.part.Facts.Count == 0:
		return Stopped // its server was not running, and nothing could change it
	}
	held := c.part.Held
	if _, resting := r.running.drivers[c.item.ID.Kind].(kind.Resting); !resting && held.IsZero() {
		held = c.asked // one look, not a reading of many files
	}
	writers := r.writers(c)
	switch {
	case held.IsZero():
		return Live
	case slices.ContainsFunc(r.whereIs(c), (*capture).isOpenToOthers) || len(writers) == 0:
		if held.Covers(kind.Interval{From: instant, To: instant}) {
			return Frozen
		}
		return Live
	case !slices.ContainsFunc(writers, r.wasOnlyFrozen):
		return Stopped
	case held.From.Before(r.window.To) && held.To.After(r.window.From):
		return Frozen
	}
	return Live
}

// whereIs returns a capture, and, if its item runs nowhere, those of the trees
// in which its bytes are: what writes to them writes to it.
func (r *round) whereIs(c *capture) []*capture {
	all := []*capture{c}
	for _, other := range r.captures {
		claims := func(claim kind.Claim) bool { return claim.On == other.item.ID }
		if other != c && c.item.RunsIn.IsZero() && slices.ContainsFunc(c.item.Claims, claims) {
			all = append(all, other)
		}
	}
	return all
}

// writers lists what runs and writes to an item: itself, or what needs it or
// what it lies in.
func (r *round) writers(c *capture) []kind.ID {
	var out []kind.ID
	for _, at := range r.whereIs(c) {
		out = append(out, r.writersTo(at.item.ID)...)
	}
	return out
}

func (r *round) writersTo(id kind.ID) []kind.ID {
	var out []kind.ID
	for _, c := range r.captures {
		if _, ok := r.running.stopper(c.item.ID); !ok {
			continue
		}
		if c.item.ID == id || slices.Contains(c.item.Needs, id) {
			out = append(out, c.item.ID)
		}
	}
	for _, n := range r.beside {
		if slices.Contains(n.Needs, id) {
			out = append(out, n.ID)
		}
	}
	return out
}

// wasOnlyFrozen reports whether a running item was not stopped before its
// state was taken.
func (r *round) wasOnlyFrozen(id kind.ID) bool {
	isBeside := func(n kind.Neighbour) bool { return n.ID == id }
	return !r.req.stops(id) || slices.Contains(r.waiting, id) || slices.ContainsFunc(r.beside, isBeside)
}

// weakest returns the weaker of two consistencies.
func weakest(a, b Consistency) Consistency {
	order := []Consistency{Stopped, Frozen, Transaction, Live}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}
