// Package store is one store directory: the content of snapshots in packs
// (package chunk), the catalog that lists them (package catalog), and all that
// needs to see both: the order of writing, the lock, what an interrupted
// process left, and the check. docs/format.md says what is on disk.
//
// A capture works in a Session; what it put is seen by nobody else until
// Commit. It knows no kind and no engine.
package store
