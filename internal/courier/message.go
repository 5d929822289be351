package courier

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"dogear/internal/tree"
	"dogear/kind"
)

// message is what goes over the streams: a question, an answer to one, or the
// wish that the work on one be given up.
type message struct {
	ID      uint64 // of the question, chosen by who asks
	Ask     *question
	Answer  *answer
	Failure *failure // instead of an answer
	Cancel  bool
}

// method is what a question asks for.
type method string

// What the host asks for, and what the courier asks for.
const (
	hello   method = "hello"
	reach   method = "reach"   // a small file
	entries method = "entries" // of a tree; answered with a cursor
	next    method = "next"    // batch of a cursor
	drop    method = "drop"    // a cursor
	capture method = "capture"
	prepare method = "prepare"
	take    method = "take"
	finish  method = "finish"
	end     method = "end" // a capture
	compare method = "compare"
	apply   method = "apply"
	search  method = "search" // of a tree, for files that begin in some way

	known  method = "known"
	put    method = "put"
	adopt  method = "adopt" // a pack
	get    method = "get"
	packOf method = "pack of" // the pack that holds a chunk
	piece  method = "piece"   // of a chunk, if the host has it at hand
	load   method = "load"    // a stat index
	save   method = "save"
)

// question holds what its method needs.
type question struct {
	Method   method
	Root     string // of the tree
	Options  options
	On       handle // the capture, cursor, sink, source or index
	Manifest kind.Object
	IDs      []kind.ChunkID
	Piece    kind.Piece
	Staged   bool // the source has some content at hand
	Content  []byte
	Name     string      // of a file or a pack
	Deposit  string      // where the courier may write packs; "": nowhere
	Packs    string      // where it may read those of the source; "": nowhere
	Search   tree.Search // whose Seen is the index
}

// answer holds what the method gives.
type answer struct {
	On       handle
	Known    []bool // for a piece: whether Content is it
	Content  []byte
	Name     string // of a pack
	Entries  []tree.Entry
	Last     bool // no entries after these
	Changes  tree.Changes
	Captured captured
	Found    []tree.Sighting
}

// captured is a tree.Result without its entries, which are asked for. Before
// Finish there is only what was read.
type captured struct {
	Manifest  kind.Object
	Held      kind.Interval
	Gaps      []kind.Gap
	BytesRead int64
	Delta     kind.Delta
}

// handle names a thing that the other end keeps. Zero is none.
type handle uint64

// options are tree.Options that can be sent.
type options struct {
	Nested                             []string
	Skip, First, InPlace, Within, Only []kind.Pattern
	Index                              handle
}

// failure is an error that can be sent.
type failure struct {
	Text string
	Kind int // index into sentinels, plus one; 0 for none of them
}

// sentinels are the errors on which callers branch.
func sentinels() []error {
	return []error{
		kind.ErrGone, fs.ErrNotExist, fs.ErrPermission, context.Canceled, context.DeadlineExceeded, syscall.ENOSPC,
	}
}

func fail(err error) *failure {
	f := &failure{Text: err.Error()}
	for i, sentinel := range sentinels() {
		if errors.Is(err, sentinel) {
			f.Kind = i + 1
			break
		}
	}
	return f
}

func (f *failure) err() error {
	if all := sentinels(); f.Kind > 0 && f.Kind <= len(all) {
		return &remoteError{text: f.Text, sentinel: all[f.Kind-1]}
	}
	return errors.New(f.Text)
}

// remoteError is an error of the other end.
type remoteError struct {
	text     string
	sentinel error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.sentinel }
