package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dogear/kind"
)

// HasInside implements kind.Insider: tables of a database, by name.
func (d *Driver) HasInside(ctx context.Context, part kind.Part, source kind.Source, inside string) error {
	if databaseOf(part.ID) == "" {
		return errors.New("only tables of a database can be named: postgres/SERVER/DATABASE:SCHEMA.TABLE")
	}
	m, err := readMeta(ctx, part, source)
	if err != nil {
		return err
	}
	if m.Format < metaFormat || !m.Dump {
		return errors.New(withoutDump)
	}
	inv, err := readInventory(ctx, part, source)
	if err != nil {
		return err
	}
	if found := inv.named(inside); found != nil && found.Word == "table" {
		return nil
	}
	var names []string
	for _, rel := range inv.Relations {
		if rel.Word == "table" {
			names = append(names, rel.Name)
		}
	}
	return fmt.Errorf("the snapshot has no table %s in %s; it has %s", inside, part.ID, strings.Join(names[:min(len(names), 12)], ", "))
}

// tables are the names of those tables that are to be restored alone.
func (r *restoration) tables() []string {
	var names []string
	for _, name := range r.part.Inside {
		if found := r.target.named(name); found != nil {
			name = found.Name
		}
		names = append(names, name)
	}
	return names
}

// inside tells which facts are about one of the chosen tables.
func (r *restoration) inside() func(fact string) bool {
	facts, tables := r.target.facts(), r.tables()
	return func(fact string) bool {
		return slices.ContainsFunc(tables, func(t string) bool { return isOf(facts, t, fact) })
	}
}

func isOf(facts map[string]string, table, fact string) bool {
	if fact == "table "+table || fact == "schema table "+table {
		return true
	}
	if sequence, ok := strings.CutPrefix(fact, "sequence "); ok {
		return strings.Contains(facts["schema sequence "+sequence]+" ", " owned_by="+table+".")
	}
	return hasPrefix(fact, "schema column "+table+".", "schema constraint "+table+".")
}

// Narrow leaves out of the comparison what is not restored.
func (d *Driver) Narrow(ctx context.Context, _ *kind.Workspace, part kind.Part, source kind.Source) (*kind.Narrowed, error) {
	if len(part.Inside) == 0 {
		return undigested(ctx, part, source)
	}
	inv, err := readInventory(ctx, part, source)
	if err != nil {
		return nil, err
	}
	r := &restoration{part: part, target: inv, database: databaseOf(part.ID)}
	isInside, inside := r.inside(), make(map[string]bool)
	for _, f := range inv.Facts {
		if isInside(f[0]) {
			inside[kind.Printable(f[0])] = true
		}
	}
	for _, t := range r.tables() {
		inside[kind.Printable("table "+t)] = true
	}
	return &kind.Narrowed{
		Leaves: func(fact string) bool { return !inside[fact] },
		Gap:    kind.Gap{Part: part.ID, What: "all but " + strings.Join(r.tables(), ", "), Why: "only that was asked for"},
	}, nil
}

// large is the size from which on a database may not have been digested.
const large = 512 << 20

// undigested leaves out what was not read of a database that is too large to be
// read each time: nobody is told that it is the same.
func undigested(ctx context.Context, part kind.Part, source kind.Source) (*kind.Narrowed, error) {
	m, err := readMeta(ctx, part, source)
	if err != nil || m.Size < large && !m.Unread || m.Format < metaFormat {
		return nil, err
	}
	inv, err := readInventory(ctx, part, source)
	if err != nil {
		return nil, err
	}
	unread := make(map[string]bool)
	for _, f := range inv.Facts {
		if isUnread(f[1]) {
			unread[kind.Printable(f[0])] = true
		}
	}
	if len(unread) == 0 {
		return nil, nil
	}
	return &kind.Narrowed{
		Leaves: func(fact string) bool { return unread[fact] },
		Gap:    kind.Gap{What: "rows of tables", Why: "the database is too large to be read each time, or a row of it to be read at all"},
	}, nil
}
