// Package restore brings a workspace back to a snapshot and proves it.
//
// It plans before it touches anything, takes a safety snapshot of what is
// there, keeps a journal so that an interrupted restore can be taken back,
// applies the plan, compares every byte before anything starts, and every
// fact once everything is healthy. What it finds becomes the receipt.
//
// It knows drivers only through package kind, and no kind by name.
package restore
