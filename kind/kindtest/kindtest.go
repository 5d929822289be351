// Package kindtest is the conformance kit that every driver runs:
//
//	kindtest.Run(t, kindtest.Harness{
//		Driver:    files.New(),
//		Workspace: kindtest.Workspace(root),
//		Item:      kind.ID{Kind: "files", Name: "."},
//		Mutations: kindtest.TreeMutations(root, "planted", kindtest.Plain),
//	})
//
// It holds a driver to what package kind promises for it: that looking changes
// nothing, that a capture has the facts of what it captured, that every change
// is named exactly, and that Restore converges.
package kindtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"dogear/kind"
)

// Harness is one real item and what to do to it.
type Harness struct {
	Driver    kind.Driver
	Workspace *kind.Workspace
	// Found is what the drivers before this one found.
	Found []kind.Item
	// Item is the item to work on; Find has to find it.
	Item kind.ID
	// Complete fills in, as an engine does, what Find leaves open: Nested and
	// Claimed. Optional.
	Complete func(item kind.Item) kind.Item

	// Stop and Start surround every Restore, for items that run. Optional.
	Stop, Start func(t *testing.T)
	// Witness returns something that a Restore with nothing to do may not
	// change: inodes, container ids. Optional.
	Witness func(t *testing.T) any
	// Mutations each change one thing that has to be named.
	Mutations []Mutation
	// Same each do something that is no change of state.
	Same []Mutation
	// Remove removes the item; Restore has to bring it back. Optional.
	Remove func(t *testing.T)
	// Growth is the number of bytes by which capturing the same state again
	// may make the store grow. 0 means 64 KiB.
	Growth int64
}

// Mutation is one change of the live item.
type Mutation struct {
	Name string
	Do   func(t *testing.T)
	// Undo takes the change back, for what Restore does not restore. nil
	// means that Restore has to.
	Undo func(t *testing.T)
	// Want are the facts of Inspect that have to differ, by name as
	// kind.Printable shows it, and how: "added", "removed", or the keys of
	// the attributes that differ ("size sha256"), "type" if it is the first
	// word, "value" if the value is no list of attributes. nil: not looked at.
	Want map[string]string
	// WantRest is the same for the rest facts.
	WantRest map[string]string
}

// Nothing as Want means that no fact may differ.
func Nothing() map[string]string { return map[string]string{} }

// Workspace returns a workspace for tests, with a cache in memory.
func Workspace(root string) *kind.Workspace {
	return &kind.Workspace{
		Root:    root,
		Config:  map[string]json.RawMessage{},
		Options: map[string]string{},
		Dumps:   "auto",
		Redact:  redact,
		Cache:   NewCache(),
	}
}

func redact(secret string) string {
	mac := hmac.New(sha256.New, []byte("kindtest"))
	mac.Write([]byte(secret))
	return "hmac:" + hex.EncodeToString(mac.Sum(nil)[:8])
}

// Run runs the kit.
func Run(t *testing.T, h Harness) {
	r := &run{Harness: h, store: NewMemory()}
	r.item = r.find(t)
	r.facts, r.rest = r.inspect(t), r.inspectRest(t)
	if !t.Run("find again", r.findAgain) || !t.Run("inspect again", r.inspectAgain) {
		return
	}
	if !t.Run("capture", r.capture) {
		return
	}
	t.Run("capture again", r.captureAgain)
	t.Run("close early", r.closeEarly)
	t.Run("restore of the same", r.restoreSame)
	for _, m := range h.Same {
		t.Run("same/"+m.Name, func(t *testing.T) { r.same(t, m) })
	}
	for _, m := range h.Mutations {
		t.Run("mutation/"+m.Name, func(t *testing.T) { r.mutate(t, m) })
	}
	if h.Remove != nil {
		t.Run("remove", r.remove)
	}
}
