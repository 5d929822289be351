// Package catalog is the index of a store, in a bbolt file: which chunk is in
// which pack, and which snapshots, workspaces, events and receipts there are
// (docs/format.md). All that it holds can be made again from the store's other
// files. It decides nothing about when something may be listed.
package catalog
