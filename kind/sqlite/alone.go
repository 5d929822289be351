package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dogear/kind"
)

// Separable says that a database that was looked into comes back from its dump.
func (*Driver) Separable(part kind.Part) bool { return len(part.Claims) > 0 }

// HasInside says which tables can be restored alone.
func (*Driver) HasInside(ctx context.Context, part kind.Part, source kind.Source, inside string) error {
	m, err := readMeta(ctx, part, source)
	if err != nil {
		return err
	}
	if _, ok := part.Object(databaseObject); !ok {
		return errors.New(withoutDump)
	}
	if tables := m.Facts.tables(); !slices.Contains(tables, inside) {
		return fmt.Errorf("the snapshot has no table %s in it; it has %s", inside, strings.Join(tables, ", "))
	}
	return nil
}

// Narrow leaves out of the comparison whatever is not about the tables that
// are restored alone.
func (d *Driver) Narrow(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (*kind.Narrowed, error) {
	if len(part.Inside) == 0 {
		return nil, nil
	}
	m, err := readMeta(ctx, part, source)
	if err != nil {
		return nil, err
	}
	live, err := d.factsOf(ctx, ws, part.Item())
	if err != nil && !errors.Is(err, kind.ErrGone) {
		return nil, err
	}
	concerned := make(map[string]bool)
	for _, s := range slices.Concat(m.Facts.about(part.Inside), live.about(part.Inside)) {
		concerned[kind.Printable(s.Name)] = true
	}
	return &kind.Narrowed{
		Leaves: func(fact string) bool { return !concerned[fact] },
		Gap:    kind.Gap{Part: part.ID, What: "everything but " + whatOf(part), Why: "only that was asked for"},
	}, nil
}

// exchange replaces some tables of the live database by those of the dump: in
// a copy, which then takes its place.
func exchange(ctx context.Context, live home, part kind.Part, dump *copied, m meta) (err error) {
	c, err := live.copy(ctx)
	if err != nil {
		return fmt.Errorf("copy the live database: %w", err)
	}
	defer func() { err = errors.Join(err, c.remove()) }()
	before, unreadable, err := c.facts(ctx)
	if err = errors.Join(err, unreadable); err != nil {
		return fmt.Errorf("read the live database: %w", err)
	}
	if err := c.takeTables(ctx, dump, part.Inside); err != nil {
		return err
	}
	after, unreadable, err := c.facts(ctx)
	if err = errors.Join(err, unreadable); err != nil {
		return fmt.Errorf("read the result (nothing was touched): %w", err)
	}
	if !after.about(part.Inside).same(m.Facts.about(part.Inside)) || !after.except(part.Inside).same(before.except(part.Inside)) {
		return fmt.Errorf("%s did not come out as captured, or something else changed with it (nothing was touched): restore the whole database", whatOf(part))
	}
	now, err := live.stamp(ctx)
	if err != nil {
		return err
	}
	if now != c.stamp {
		return errors.New("it was written to meanwhile (nothing was touched): end what writes to it and try again")
	}
	return live.place(ctx, c, m.Owner)
}

// takeTables replaces tables by those of another database, all or none.
func (c *copied) takeTables(ctx context.Context, from *copied, tables []string) (err error) {
	db, err := c.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, s := range []string{"PRAGMA foreign_keys=off", "PRAGMA legacy_alter_table=on"} {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	if _, err := db.ExecContext(ctx, "ATTACH ? AS dump", from.path); err != nil {
		return fmt.Errorf("open the dump: %w", err)
	}
	have, err := schema(ctx, db, "main")
	if err != nil {
		return err
	}
	want, err := schema(ctx, db, "dump")
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := takeTable(ctx, tx, t, have, want); err != nil {
			return errors.Join(fmt.Errorf("exchange table %s (nothing was touched): %w", t, err), tx.Rollback())
		}
	}
	return tx.Commit()
}

func takeTable(ctx context.Context, tx *sql.Tx, table string, have, want []object) error {
	if slices.ContainsFunc(slices.Concat(have, want), func(o object) bool {
		return o.kind == "table" && o.name == table && !o.hasRows()
	}) {
		return errors.New("it is a virtual table, whose rows are in others: restore the whole database")
	}
	var statements []string
	if slices.ContainsFunc(have, func(o object) bool { return o.kind == "table" && o.name == table }) {
		statements = append(statements, "DROP TABLE main."+quote(table))
	}
	mine := func(kind string) (found []object) {
		for _, o := range want {
			if o.kind == kind && o.table == table && o.sql.Valid {
				found = append(found, o)
			}
		}
		return found
	}
	for _, o := range mine("table") {
		copyRows, err := copyStatement(ctx, tx, table)
		if err != nil {
			return err
		}
		statements = append(statements, o.sql.String, copyRows)
	}
	for _, o := range slices.Concat(mine("index"), mine("trigger")) {
		statements = append(statements, o.sql.String)
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return takeCompanions(ctx, tx, table, want)
}

// copyStatement copies all rows with their row ids.
func copyStatement(ctx context.Context, tx *sql.Tx, table string) (string, error) {
	names, err := columns(ctx, tx, "dump", table)
	if err != nil {
		return "", err
	}
	for i, n := range names {
		names[i] = quote(n)
	}
	list := strings.Join(names, ", ")
	id, err := rowid(ctx, tx, table, names)
	if err != nil {
		return "", err
	}
	if id != "" {
		list = id + ", " + list
	}
	return "INSERT INTO main." + quote(table) + " (" + list + ") SELECT " + list + " FROM dump." + quote(table), nil
}

// rowid returns a name of the row id that no column has taken, "" if the table
// has none.
func rowid(ctx context.Context, tx *sql.Tx, table string, names []string) (string, error) {
	for _, id := range []string{"rowid", "_rowid_", "oid"} {
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, quote(id)) }) {
			continue
		}
		rows, err := tx.QueryContext(ctx, "SELECT "+id+" FROM dump."+quote(table)+" LIMIT 0")
		if err != nil {
			return "", ctx.Err() // WITHOUT ROWID
		}
		return id, rows.Close()
	}
	return "", nil
}

// companions are tables in which SQLite itself keeps something about others:
// where AUTOINCREMENT goes on, and statistics. The column names the other.
var companions = []struct{ table, column string }{{"sqlite_sequence", "name"}, {"sqlite_stat1", "tbl"}, {"sqlite_stat4", "tbl"}}

// takeCompanions takes over what is kept about a table.
func takeCompanions(ctx context.Context, tx *sql.Tx, table string, want []object) error {
	for _, c := range companions {
		_, err := tx.ExecContext(ctx, "DELETE FROM main."+c.table+" WHERE "+c.column+" = ?", table)
		if err != nil {
			continue // it has no such table
		}
		if !slices.ContainsFunc(want, func(o object) bool { return o.name == c.table }) {
			continue
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO main."+c.table+" SELECT * FROM dump."+c.table+" WHERE "+c.column+" = ?", table); err != nil {
			return fmt.Errorf("take over %s: %w", c.table, err)
		}
	}
	return ctx.Err()
}
