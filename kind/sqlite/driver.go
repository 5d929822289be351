// Package sqlite is the driver for SQLite databases that lie in the trees of
// a workspace, and in the volumes of its containers.
//
// # Files and facts
//
// The bytes of a database (the file, its write-ahead log, shared memory and
// journals: one unit) travel with the tree that they lie in. This package
// says what they mean: schema and tables. It never opens the original with
// SQLite, for merely opening a database with a write-ahead log rewrites it;
// it copies the unit to a private directory and reads the copy.
//
// # Dump
//
// Once SQLite has read the copy, its log is folded in or its journal rolled
// back, and it is one file with the very pages of the original: journal mode,
// row ids and free pages included. That file is the dump (the Backup API would
// write the same pages; VACUUM INTO others). It is stored in the blocks in
// which the tree engine stores databases, so that most of it is there already.
//
// # Restore
//
// With its tree a database comes back as bytes, all of the unit, and the
// driver only compares. Alone it is put in place from its dump: prepared and
// compared beside, then its old log and journals go, and it takes the name. One
// table alone is exchanged in a private copy of what is live, which then takes
// the place of that. A database that a program on this host has open is not
// touched, either way (see also package tree): the program would go on with
// what it knows, and ruin it. Containers that mount its tree are stopped.
//
// # What is not done
//
// A database of more than 400 MB is not looked into: it is compared byte by
// byte, and comes back with its tree.
package sqlite

import (
	"context"
	"errors"

	"dogear/internal/docker"
	"dogear/kind"
)

// Kind is the kind of the driver's items.
const Kind = "sqlite"

// Driver is the sqlite driver.
type Driver struct {
	engines *docker.Connector
}

var (
	_ kind.Driver    = (*Driver)(nil)
	_ kind.Previewer = (*Driver)(nil)
	_ kind.Separable = (*Driver)(nil)
	_ kind.Insider   = (*Driver)(nil)
)

// New returns a driver that looks also into volumes of the given engine.
func New(engines *docker.Connector) *Driver { return &Driver{engines: engines} }

// Kind returns "sqlite".
func (*Driver) Kind() string { return Kind }

// Inspect returns what the live database holds.
func (d *Driver) Inspect(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	facts, err := d.factsOf(ctx, ws, item)
	if err != nil {
		return kind.FailedFacts(err)
	}
	return kind.Stream(facts.facts())
}

func (d *Driver) factsOf(ctx context.Context, ws *kind.Workspace, item kind.Item) (statements, error) {
	h, err := d.homeOf(ctx, ws, item)
	if err != nil {
		return nil, err
	}
	r := newReading(ws, item, h)
	facts, err := r.inspect(ctx)
	return facts, errors.Join(err, r.close())
}
