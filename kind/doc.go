// Package kind is the contract between Dogear's engines and its drivers.
//
// A kind is one technology: git, files, container, volume, postgres and so
// on. A driver knows all that there is to know about one kind, in both
// directions: how to find its items, how to look at them, how to capture
// them and how to bring them back. The engines (packages snapshot and
// restore) know no kind by name: whatever they need to know about one is
// said through the types of this package.
//
// The life of an item
//
//	Find      which items does this workspace have?
//	Inspect   what is its state now, as sorted facts? (changes nothing)
//	Open      begin a capture; then Prepare*, Hold, Take, Finish, Close
//	Restore   make the live item what the part says, touching only what differs
//
// Powers that only some kinds have (being frozen, stopped, started, asked
// for their health) are small optional interfaces, found by assertion; see
// powers.go.
//
// This package imports only the standard library, and no package of Dogear.
package kind
