package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// definitions is what creates a database, as far as a name in it goes.
type definitions struct {
	// Options are its character set, collation and comment, as in CREATE
	// DATABASE.
	Options   string     `json:"options"`
	Sequences []sequence `json:"sequences,omitempty"`
	Tables    []*table   `json:"tables,omitempty"`
	Programs  []program  `json:"programs,omitempty"`
	// Grants are those on what the database consists of. They belong to the
	// accounts, but those on a routine go with it.
	Grants []string `json:"grants,omitempty"`

	accounts []string // that there are
}

// sequence is a sequence, and where it stands.
type sequence struct {
	Name   string `json:"name"`
	Create string `json:"create"`
	Next   string `json:"next"`
	Round  string `json:"round"`
}

// program is something that runs: a view, a routine, a trigger or an event.
type program struct {
	Type      string `json:"type"` // in lower case, as in "package body"
	Name      string `json:"name"`
	Create    string `json:"create"`
	On        string `json:"on,omitempty"` // the table of a trigger
	Mode      string `json:"sql_mode,omitempty"`
	Client    string `json:"client,omitempty"`
	Collation string `json:"collation,omitempty"`
	Zone      string `json:"time_zone,omitempty"`
}

func (d *definitions) table(name string) *table {
	i := slices.IndexFunc(d.Tables, func(t *table) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return d.Tables[i]
}

// reader reads definitions in one session.
type reader struct {
	conn     *sql.Conn
	database string
	gaps     []string // what may not be read
}

// readDefinitions reads what creates a database. The session's default
// database becomes this one, so that its name is in no view.
func readDefinitions(ctx context.Context, conn *sql.Conn, database string, tables []*table) (*definitions, []string, error) {
	r := &reader{conn: conn, database: database}
	d := &definitions{Tables: tables}
	created, err := r.show(ctx, "DATABASE", database)
	if err != nil {
		return nil, nil, wrap("ask for the database", err)
	}
	_, d.Options, _ = strings.Cut(created[1], name(database)+" ")
	for _, t := range tables {
		created, err := r.show(ctx, "TABLE", t.Name)
		if err != nil {
			t.denied, t.unreadable = true, err.Error()
			continue
		}
		t.Create = created[1]
		if t.columnsDefined() != t.seen {
			t.denied, t.unreadable = true, "this account may not read all its columns"
		}
	}
	for _, read := range []func(context.Context, *definitions) error{
		r.readSequences, r.readRoutines, r.readViews, r.readTriggers, r.readEvents, r.readGrants,
	} {
		if err := read(ctx, d); err != nil {
			return nil, nil, err
		}
	}
	return d, r.gaps, nil
}

// show runs SHOW CREATE and returns its row.
func (r *reader) show(ctx context.Context, what, object string) ([]string, error) {
	var values []string
	err := each(ctx, r.conn, "SHOW CREATE "+what+" "+name(object), func(row []sql.NullString) error {
		for _, v := range row {
			values = append(values, v.String)
		}
		return nil
	})
	if err == nil && len(values) < 2 {
		err = fmt.Errorf("%s %s has ceased to exist", strings.ToLower(what), object)
	}
	return values, err
}

// names returns the first column of a query about the database.
func (r *reader) names(ctx context.Context, query string) ([][]string, error) {
	var all [][]string
	err := each(ctx, r.conn, query, func(row []sql.NullString) error {
		values := make([]string, len(row))
		for i, v := range row {
			values[i] = v.String
		}
		all = append(all, values)
		return nil
	}, r.database)
	return all, err
}

func (r *reader) readSequences(ctx context.Context, d *definitions) error {
	found, err := r.names(ctx, "SELECT TABLE_NAME FROM information_schema.tables WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'SEQUENCE' ORDER BY TABLE_NAME")
	if err != nil {
		return wrap("list sequences", err)
	}
	for _, row := range found {
		s := sequence{Name: row[0]}
		created, err := r.show(ctx, "SEQUENCE", s.Name)
		if err == nil {
			err = r.conn.QueryRowContext(ctx, "SELECT next_not_cached_value, cycle_count FROM "+name(s.Name)).Scan(&s.Next, &s.Round)
		}
		if err != nil {
			r.gaps = append(r.gaps, "sequence "+s.Name)
			continue
		}
		s.Create = created[1]
		d.Sequences = append(d.Sequences, s)
	}
	return nil
}

func (r *reader) readViews(ctx context.Context, d *definitions) error {
	found, err := r.names(ctx, "SELECT TABLE_NAME FROM information_schema.views WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME")
	if err != nil {
		return wrap("list views", err)
	}
	for _, row := range found {
		created, err := r.show(ctx, "VIEW", row[0])
		if err != nil {
			r.gaps = append(r.gaps, "view "+row[0])
			continue
		}
		d.Programs = append(d.Programs, program{Type: "view", Name: row[0], Create: unqualified(created[1], r.database), Client: created[2], Collation: created[3]})
	}
	return nil
}

func (r *reader) readRoutines(ctx context.Context, d *definitions) error {
	found, err := r.names(ctx, "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.routines WHERE ROUTINE_SCHEMA = ? ORDER BY ROUTINE_TYPE, ROUTINE_NAME")
	if err != nil {
		return wrap("list routines", err)
	}
	for _, row := range found {
		created, err := r.show(ctx, row[0], row[1])
		if err != nil || created[2] == "" {
			r.gaps = append(r.gaps, strings.ToLower(row[0])+" "+row[1])
			continue
		}
		d.Programs = append(d.Programs, program{
			Type: strings.ToLower(row[0]), Name: row[1], Mode: created[1], Create: created[2], Client: created[3], Collation: created[4],
		})
	}
	return nil
}

// readTriggers puts the statements together: SHOW CREATE TRIGGER repeats what
// was typed, and that changes when the table is renamed.
func (r *reader) readTriggers(ctx context.Context, d *definitions) error {
	found, err := r.names(ctx, `SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT, DEFINER, SQL_MODE,
	CHARACTER_SET_CLIENT, COLLATION_CONNECTION
FROM information_schema.triggers WHERE TRIGGER_SCHEMA = ?
ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER`)
	if err != nil {
		return wrap("list triggers", err)
	}
	for _, row := range found {
		d.Programs = append(d.Programs, program{
			Type: "trigger", Name: row[0], On: row[1], Mode: row[6], Client: row[7], Collation: row[8],
			Create: fmt.Sprintf("CREATE DEFINER=%s TRIGGER %s %s %s ON %s FOR EACH ROW %s",
				account(row[5]), name(row[0]), row[2], row[3], triggerTable, row[4]),
		})
	}
	return nil
}

// triggerTable stands for the name of a trigger's table.
const triggerTable = "\x01"

// account quotes what the catalog calls user@host.
func account(text string) string {
	i := strings.LastIndex(text, "@")
	if i < 0 {
		return name(text) // a role
	}
	return name(text[:i]) + "@" + name(text[i+1:])
}

func (r *reader) readEvents(ctx context.Context, d *definitions) error {
	found, err := r.names(ctx, "SELECT EVENT_NAME FROM information_schema.events WHERE EVENT_SCHEMA = ? ORDER BY EVENT_NAME")
	if err != nil {
		return wrap("list events", err)
	}
	for _, row := range found {
		created, err := r.show(ctx, "EVENT", row[0])
		if err != nil || created[3] == "" {
			r.gaps = append(r.gaps, "event "+row[0])
			continue
		}
		d.Programs = append(d.Programs, program{
			Type: "event", Name: row[0], Mode: created[1], Zone: created[2], Create: created[3], Client: created[4], Collation: created[5],
		})
	}
	return nil
}

// nextRow is where AUTO_INCREMENT stands: content, not definition.
var nextRow = regexp.MustCompile(` AUTO_INCREMENT=(\d+)`)

// columnsDefined counts the columns of the definition.
func (t *table) columnsDefined() int {
	items, _, _ := t.split()
	n := 0
	for _, item := range items {
		if strings.HasPrefix(item, "`") {
			n++
		}
	}
	return n
}

// split takes the definition of a table apart: its columns and keys, which
// are a line each, and the rest.
func (t *table) split() (items []string, options, next string) {
	text := strings.TrimSuffix(t.Create, "\n")
	open := strings.Index(text, " (\n")
	end := strings.LastIndex(text, "\n)")
	if open < 0 || end < open {
		return nil, text, ""
	}
	options = text[end+2:]
	if found := nextRow.FindStringSubmatch(options); found != nil {
		next = found[1]
		options = strings.Replace(options, found[0], "", 1)
	}
	for line := range strings.SplitSeq(text[open+3:end], "\n") {
		line = strings.TrimSuffix(line, ",")
		if trimmed, ok := strings.CutPrefix(line, "  "); ok || len(items) == 0 {
			items = append(items, trimmed)
			continue
		}
		items[len(items)-1] += "\n" + line // a line feed within a text
	}
	return items, strings.TrimSpace(options), next
}
