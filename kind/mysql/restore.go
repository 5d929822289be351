package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"dogear/internal/content"
	"dogear/internal/dsn"
	"dogear/kind"
)

// withoutDump is the answer to a restore of what is not in the part.
const withoutDump = "the snapshot holds no dump of it: restore it together with the volume that holds the server's files"

// Restore makes a database, or what a server has beside databases, what the
// dump says. The engine calls it only where the server's files do not come
// back by themselves.
func (d *Driver) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	m, err := readMeta(ctx, part, source)
	if err != nil {
		return err
	}
	if !m.Dump {
		return errors.New(withoutDump)
	}
	return d.restore(ctx, ws, part, source, part.Inside)
}

// restore restores an item from its dump, or only some tables of it.
func (d *Driver) restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source, only []string) error {
	s, l, err := d.reach(ctx, ws, part.Item())
	if err != nil {
		return err
	}
	defer l.hangUp()
	m, err := readMeta(ctx, part, source)
	if err != nil {
		return err
	}
	if mistaken := dsn.Mistaken(ws, Kind, m.Address, s.where()); len(mistaken) > 0 {
		return errors.New(mistaken[0])
	}
	if databaseOf(part.ID) == "" {
		return restoreServer(ctx, l, part, source)
	}
	r, err := newRestoration(ctx, l, part, source, only)
	if err != nil {
		return err
	}
	defer func() { closeConn(r.conn) }() // it may be another by then
	r.shared = ws.Shared
	return r.run(ctx)
}

// Preview compares the live database with the part. It needs the dump for
// that, and the server.
func (d *Driver) Preview(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (kind.Change, error) {
	m, err := readMeta(ctx, part, source)
	if err != nil {
		return kind.Change{}, err
	}
	if !m.Dump {
		return kind.Change{Action: kind.ActionPatch, Conflicts: []string{withoutDump}}, nil
	}
	s, l, err := d.reach(ctx, ws, part.Item())
	if errors.Is(err, kind.ErrNotRunning) {
		return kind.Change{Action: kind.ActionPatch, Conflicts: []string{err.Error() + ": start it to restore its dump"}}, nil
	}
	if err != nil {
		return kind.Change{}, err
	}
	defer l.hangUp()
	change, err := previewOn(ctx, ws, l, part, source)
	change.Remote = s.remote()
	if change.Action != kind.ActionNone {
		change.Conflicts = append(change.Conflicts, dsn.Mistaken(ws, Kind, m.Address, s.where())...)
	}
	return change, err
}

func previewOn(ctx context.Context, ws *kind.Workspace, l *link, part kind.Part, source kind.Source) (kind.Change, error) {
	if databaseOf(part.ID) == "" {
		return previewServer(ctx, l, part, source)
	}
	r, err := newRestoration(ctx, l, part, source, part.Inside)
	if err != nil {
		return kind.Change{}, err
	}
	defer closeConn(r.conn)
	r.shared = ws.Shared
	return r.preview(ctx)
}

func read(ctx context.Context, part kind.Part, source kind.Source, name string, v any) error {
	object, ok := part.Object(name)
	if !ok {
		return fmt.Errorf("the part lacks its %s", name)
	}
	return content.GetJSON(ctx, source, object, v)
}

// restoration brings one database to the state of a part.
type restoration struct {
	link     *link
	conn     *sql.Conn
	database string
	part     kind.Part
	source   kind.Source
	target   *definitions
	only     []string // tables; nil: everything
	version  string   // of the server that was captured
	// shared has what the live database was when it was compared with the
	// safety snapshot: nothing that was written since may be lost.
	shared *kind.Shared

	live    *definitions // before; nil if there is no such database
	swapped []*table     // of the target
	leaving []string     // live tables that make room
	moved   bool         // they have
}

// loading are the settings under which rows and definitions are written: what
// was there is allowed.
var loading = []struct{ name, value string }{
	{"foreign_key_checks", "0"}, {"unique_checks", "0"}, {"check_constraint_checks", "0"}, {"innodb_strict_mode", "0"},
	{"system_versioning_insert_history", "1"}, {"system_versioning_alter_history", "KEEP"},
}

func newRestoration(ctx context.Context, l *link, part kind.Part, source kind.Source, only []string) (*restoration, error) {
	r := &restoration{link: l, database: databaseOf(part.ID), part: part, source: source, target: &definitions{}, only: only}
	m, err := readMeta(ctx, part, source)
	if err != nil {
		return nil, err
	}
	r.version = m.Version
	if err := read(ctx, part, source, definitionsObject, r.target); err != nil {
		return nil, err
	}
	r.conn, err = r.session(ctx)
	return r, err
}

// session opens a session that may write anything.
func (r *restoration) session(ctx context.Context) (*sql.Conn, error) {
	conn, err := r.link.session(ctx)
	if err != nil {
		return nil, err
	}
	known, err := variables(ctx, conn, "SHOW SESSION VARIABLES")
	if err != nil {
		closeConn(conn)
		return nil, err
	}
	for _, setting := range loading {
		if _, ok := known[setting.name]; !ok {
			continue
		}
		if _, err := conn.ExecContext(ctx, "SET SESSION "+setting.name+" = "+setting.value); err != nil {
			closeConn(conn)
			return nil, wrap("set up the session", err)
		}
	}
	return conn, nil
}

func (r *restoration) exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := r.conn.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// look reads the live database, and works out what has to be exchanged.
func (r *restoration) look(ctx context.Context) error {
	live, err := r.shared.Once("mysql "+r.part.ID.String(), func() (any, error) { return r.read(ctx, r.database) })
	if errors.Is(err, kind.ErrGone) {
		r.swapped = r.chosen()
		return nil
	}
	if err != nil {
		return err
	}
	r.live = live.(*definitions)
	r.workOut()
	return nil
}

// read reads all of a database.
func (r *restoration) read(ctx context.Context, database string) (*definitions, error) {
	v, err := begin(ctx, r.link, database, unlocked)
	if err != nil {
		return nil, err
	}
	defer v.close()
	v.deep = true
	_, err = v.contents(ctx, nil)
	return v.definitions, err
}

// chosen lists the tables of the target that are to be restored.
func (r *restoration) chosen() []*table {
	return slices.DeleteFunc(slices.Clone(r.target.Tables), func(t *table) bool { return !r.chooses(t.Name) })
}

func (r *restoration) chooses(table string) bool {
	return r.only == nil || slices.Contains(r.only, table)
}

// workOut finds the tables that differ, and all that refer to each other with
// them: foreign keys follow a table that moves.
func (r *restoration) workOut() {
	moving := make(map[string]bool)
	for _, t := range r.chosen() {
		if live := r.live.table(t.Name); live == nil || !live.same(t) {
			moving[t.Name] = true
		}
	}
	for _, t := range r.live.Tables {
		if r.chooses(t.Name) && r.target.table(t.Name) == nil {
			moving[t.Name] = true
		}
	}
	all := slices.Concat(r.live.Tables, r.target.Tables)
	for grown := true; grown; {
		grown = false
		for _, t := range all {
			for _, other := range t.references() {
				if moving[t.Name] != moving[other] {
					moving[t.Name], moving[other], grown = true, true, true
				}
			}
		}
	}
	r.swapped, r.leaving = nil, nil
	for _, t := range r.target.Tables {
		if moving[t.Name] {
			r.swapped = append(r.swapped, t)
		}
	}
	for _, t := range r.live.Tables {
		if moving[t.Name] {
			r.leaving = append(r.leaving, t.Name)
		}
	}
}

// same reports whether two tables have the same definition and rows.
func (t *table) same(other *table) bool {
	return t.Sum != "" && t.Sum == other.Sum && t.definition() == other.definition() ||
		t.isElsewhere() && t.Create == other.Create
}

// preview says what run would do.
func (r *restoration) preview(ctx context.Context) (kind.Change, error) {
	if err := r.look(ctx); err != nil {
		return kind.Change{}, err
	}
	change := kind.Change{Action: kind.ActionNone}
	for _, t := range r.swapped {
		change.Details = append(change.Details, "table "+t.Name)
		if object, ok := r.part.Object(rowsPrefix + t.Name); ok {
			change.Bytes += object.Size
			change.Chunks = append(change.Chunks, object.Chunks...)
		}
	}
	programs := r.only == nil && (r.live == nil || r.live.programsDiffer(r.target))
	switch {
	case r.live == nil:
		change.Action = kind.ActionCreate
	case len(r.swapped)+len(r.leaving) > 0 || programs:
		change.Action = kind.ActionPatch
	}
	if change.Action == kind.ActionNone {
		return change, nil
	}
	err := r.conflicts(ctx, &change)
	return change, err
}

// programsDiffer compares everything but tables.
func (d *definitions) programsDiffer(other *definitions) bool {
	return d.Options != other.Options || !slices.Equal(d.Sequences, other.Sequences) || !slices.Equal(d.Programs, other.Programs) ||
		d.misses(other.Grants)
}

// conflicts names what a restore cannot do.
func (r *restoration) conflicts(ctx context.Context, change *kind.Change) error {
	for _, t := range r.swapped {
		_, stored := r.part.Object(rowsPrefix + t.Name)
		switch {
		case !r.chooses(t.Name):
			change.Conflicts = append(change.Conflicts, fmt.Sprintf("table %s has to be exchanged as well, as foreign keys connect them: add --only %s:%s", t.Name, r.part.ID, t.Name))
		case t.ByTransaction:
			change.Conflicts = append(change.Conflicts, fmt.Sprintf("the history of table %s is counted in transactions, which cannot be written: restore the server's files", t.Name))
		case !stored && !t.isElsewhere():
			change.Conflicts = append(change.Conflicts, fmt.Sprintf("the rows of table %s could not be read when it was captured", t.Name))
		}
	}
	err := each(ctx, r.conn, `SELECT CONCAT(CONSTRAINT_SCHEMA, '.', TABLE_NAME), REFERENCED_TABLE_NAME FROM information_schema.referential_constraints
WHERE UNIQUE_CONSTRAINT_SCHEMA = ? AND CONSTRAINT_SCHEMA <> UNIQUE_CONSTRAINT_SCHEMA`, func(row []sql.NullString) error {
		if slices.Contains(r.leaving, row[1].String) {
			change.Conflicts = append(change.Conflicts, fmt.Sprintf("%s, of another database, has a foreign key to %s, which would follow the old table: drop it first", row[0].String, row[1].String))
		}
		return nil
	}, r.database)
	return wrap("look for foreign keys", err)
}
