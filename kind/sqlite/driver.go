// Package sqlite is the driver for SQLite databases that lie in the trees of
// a workspace.
//
// The bytes of a database (the file, its write-ahead log, shared memory and
// journals: one unit) travel with the tree that they lie in. This package
// says what they mean: schema and tables. It never opens the original with
// SQLite, for merely opening a database with a write-ahead log rewrites it;
// it copies the unit to a private directory and reads the copy.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"dogear/kind"
)

// Driver is the sqlite driver.
type Driver struct{}

var (
	_ kind.Driver    = (*Driver)(nil)
	_ kind.Previewer = (*Driver)(nil)
)

// New returns the driver.
func New() *Driver { return &Driver{} }

// Kind returns "sqlite".
func (*Driver) Kind() string { return "sqlite" }

// Inspect returns what the live database holds.
func (*Driver) Inspect(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	r := newReading(ws, item)
	facts, err := r.inspect(ctx)
	if err = errors.Join(err, r.close()); err != nil {
		return kind.FailedFacts(err)
	}
	return kind.Stream(facts)
}

// filePath returns the path of the database file itself.
func filePath(ws *kind.Workspace, id kind.ID) string {
	return filepath.Join(ws.Root, filepath.FromSlash(id.Name))
}

// Preview is asked only if the tree that holds the database is not restored
// with it, which cannot be done yet.
func (*Driver) Preview(_ context.Context, _ *kind.Workspace, part kind.Part, _ kind.Source) (kind.Change, error) {
	return kind.Change{Action: kind.ActionNone, Conflicts: []string{
		fmt.Sprintf("the files of this database come back with %s: restore that as well", owner(part.Claims)),
	}}, nil
}

// Restore restores nothing: the bytes come back with the tree that holds
// them, which removes stale logs too, and then the facts are compared.
func (*Driver) Restore(context.Context, *kind.Workspace, kind.Part, kind.Source) error { return nil }

func owner(claims []kind.Claim) string {
	for _, claim := range claims {
		return claim.On.String()
	}
	return "the tree that holds it"
}
