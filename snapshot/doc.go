// Package snapshot holds the model of a snapshot, the protocol by which one
// is taken (Take) and the comparison of two streams of facts (Diff).
//
// It knows drivers only through package kind, and no kind by name. Where
// snapshots are kept is not its business either: content goes to a kind.Sink.
package snapshot
