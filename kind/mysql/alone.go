package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dogear/kind"
)

var (
	_ kind.Separable = (*Driver)(nil)
	_ kind.Insider   = (*Driver)(nil)
)

// Separable says that every part may come back from its dump, into the server
// that runs.
func (d *Driver) Separable(kind.Part) bool { return true }

// HasInside says which tables can be restored alone.
func (d *Driver) HasInside(ctx context.Context, part kind.Part, source kind.Source, inside string) error {
	if databaseOf(part.ID) == "" {
		return errors.New("only tables of a database can be named: mysql/SERVER/DATABASE:TABLE")
	}
	m, err := readMeta(ctx, part, source)
	if err != nil {
		return err
	}
	if !m.Dump {
		return errors.New(withoutDump)
	}
	target := &definitions{}
	if err := read(ctx, part, source, definitionsObject, target); err != nil {
		return err
	}
	if target.table(inside) != nil {
		return nil
	}
	var names []string
	for _, t := range target.Tables {
		names = append(names, t.Name)
	}
	return fmt.Errorf("the snapshot has no table %s in database %s; it has %s", inside, databaseOf(part.ID), strings.Join(names, ", "))
}

// Narrow leaves out of the comparison whatever is not about the tables that
// are restored alone.
func (d *Driver) Narrow(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (*kind.Narrowed, error) {
	if len(part.Inside) == 0 {
		return nil, nil
	}
	target := &definitions{}
	if err := read(ctx, part, source, definitionsObject, target); err != nil {
		return nil, err
	}
	concerned := make(map[string]bool)
	target.nameFacts(part.Inside, concerned)
	live, err := d.liveDefinitions(ctx, ws, part.Item())
	switch {
	case errors.Is(err, kind.ErrGone), errors.Is(err, kind.ErrNotRunning):
	case err != nil:
		return nil, err
	default:
		live.nameFacts(part.Inside, concerned)
	}
	return &kind.Narrowed{
		Leaves: func(fact string) bool { return !concerned[fact] },
		Gap: kind.Gap{
			Part: part.ID, What: "everything but " + tablesText(part.Inside), Why: "only that was asked for",
		},
	}, nil
}

func tablesText(names []string) string {
	if len(names) == 1 {
		return "table " + names[0]
	}
	return "tables " + strings.Join(names, ", ")
}

// liveDefinitions reads what there is now.
func (d *Driver) liveDefinitions(ctx context.Context, ws *kind.Workspace, item kind.Item) (*definitions, error) {
	_, l, err := d.reach(ctx, ws, item)
	if err != nil {
		return nil, err
	}
	defer l.hangUp()
	v, err := begin(ctx, l, databaseOf(item.ID), unlocked)
	if err != nil {
		return nil, err
	}
	defer v.close()
	return v.definitions, nil
}

// nameFacts adds the names of all facts about some tables, as they are shown.
func (d *definitions) nameFacts(tables []string, names map[string]bool) {
	for _, t := range d.Tables {
		if !slices.Contains(tables, t.Name) {
			continue
		}
		names[kind.Printable("table "+t.Name)] = true
		t.describe(func(name, _ string) { names[kind.Printable("schema "+name)] = true }, func(s string) string { return s })
	}
	for _, p := range d.Programs {
		if p.Type == "trigger" && slices.Contains(tables, p.On) {
			names[kind.Printable("schema trigger "+p.Name)] = true
		}
	}
}
