package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"dogear/internal/content"
	"dogear/internal/rowsum"
)

// A table that is restored alone keeps its identity: views, foreign keys and
// functions of the database go on to mean it. Its rows are loaded beside,
// compared, and exchanged in one transaction that has the table to itself. A
// table that is not there is made as the dump defines it.

// restoreTables restores the tables that were asked for.
func (r *restoration) restoreTables(ctx context.Context) error {
	conn, err := r.way.connect(ctx, r.database)
	if err != nil {
		return cannotAsk(ctx, err)
	}
	defer hangUp(conn)
	if err := prepareToLoad(ctx, conn); err != nil {
		return err
	}
	// Clients of the workspace are down, and whoever comes after us waits with us.
	if _, err := conn.Exec(ctx, "set lock_timeout = '10s'"); err != nil {
		return wrap("set up the session", err)
	}
	for _, name := range r.tables() {
		t := &tableRestoration{restoration: r, conn: conn, name: name}
		if err := t.run(ctx); err != nil {
			return fmt.Errorf("table %s: %w", name, t.namingHolders(ctx, err))
		}
	}
	return nil
}

// tableRestoration restores one table of a live database.
type tableRestoration struct {
	*restoration
	conn *pgx.Conn // to the database
	name string
}

// namingHolders says who has the table if it could not be had in time.
func (t *tableRestoration) namingHolders(ctx context.Context, err error) error {
	var locked *errLocked
	if !errors.As(lockedOut(t.name, err), &locked) {
		return err
	}
	return nameHolders(ctx, locked, func(ctx context.Context) (*pgx.Conn, error) { return t.way.connect(ctx, t.database) })
}

func (t *tableRestoration) run(ctx context.Context) error {
	var there bool
	if err := t.conn.QueryRow(ctx, "select to_regclass($1) is not null", t.name).Scan(&there); err != nil {
		return wrap("look for it", err)
	}
	want := t.target.relation(t.name)
	switch {
	case want == nil && there:
		_, err := t.conn.Exec(ctx, "drop table "+t.name)
		return wrap("drop it, as the snapshot does not have it", err)
	case want == nil:
		return nil
	}
	if err := t.loadBeside(ctx, *want, there); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, t.conn, func(tx pgx.Tx) error {
		if !there {
			if err := t.define(ctx, *want); err != nil {
				return err
			}
		} else if err := t.empty(ctx, *want); err != nil {
			return err
		}
		if err := t.fill(ctx, *want); err != nil {
			return err
		}
		if there {
			return t.checkReferences(ctx)
		}
		return t.finish(ctx)
	})
}

// besideTable holds the rows until they are exchanged. It belongs to the
// session, and goes with it.
const besideTable = "pg_temp.dogear_rows"

func (t *tableRestoration) loadBeside(ctx context.Context, want relation, there bool) error {
	create := "create temp table dogear_rows (like " + t.name + ")"
	if !there {
		create = "create temp table dogear_rows (" + strings.Join(suffixed(want.Columns, " text"), ", ") + ")"
	}
	if _, err := t.conn.Exec(ctx, "drop table if exists "+besideTable+"; "+create, pgx.QueryExecModeSimpleProtocol); err != nil {
		return wrap("make a table beside", err)
	}
	if err := copyIn(ctx, t.conn, t.restoration, want, besideTable, ""); err != nil {
		return wrap("load its rows", err)
	}
	sum := &rowsum.Sum{}
	source := "(select " + strings.Join(want.Columns, ", ") + " from " + besideTable + ")"
	if err := copyOut(ctx, t.conn, source, sum); err != nil {
		return wrap("compare its rows", err)
	}
	if sum.String() != want.Sum {
		return fmt.Errorf("what was loaded is not what was captured: %s, was %s; the table was not touched", sum, want.Sum)
	}
	return nil
}

func suffixed(names []string, suffix string) []string {
	var all []string
	for _, n := range names {
		all = append(all, n+suffix)
	}
	return all
}

// errMoved ends a restore that would destroy what nobody has captured.
var errMoved = errors.New("it was written to while it was being restored; nothing of it was touched. Stop what writes to it and try again")

// empty takes the table for this transaction alone, makes sure that it is what
// was captured for safety, and removes its rows. No trigger fires.
func (t *tableRestoration) empty(ctx context.Context, want relation) error {
	if _, err := t.conn.Exec(ctx, "lock table only "+t.name+" in access exclusive mode"); err != nil {
		return wrap("lock it", err)
	}
	if saved, ok := t.ws.Shared.Take(t.noteName(t.name)); ok {
		have := want
		if err := copyRelation(ctx, t.conn, &have); err != nil {
			return err
		}
		if have.Sum != saved {
			return errMoved
		}
	}
	var referenced bool
	if err := t.conn.QueryRow(ctx, "select exists (select from pg_constraint where confrelid = $1::text::regclass)", t.name).Scan(&referenced); err != nil {
		return err
	}
	remove := "truncate table only " + t.name
	if referenced {
		remove = "delete from only " + t.name
	}
	_, err := t.conn.Exec(ctx, "set local session_replication_role = replica; "+remove, pgx.QueryExecModeSimpleProtocol)
	return wrap("remove its rows", err)
}

// noteName is under what a comparison with the safety snapshot notes what a
// table was then.
func (r *restoration) noteName(table string) string {
	return "postgres rows of " + r.part.ID.String() + ":" + table
}

func (t *tableRestoration) fill(ctx context.Context, want relation) error {
	columns := strings.Join(want.Columns, ", ")
	into := t.name
	if columns != "" {
		into += " (" + columns + ") overriding system value"
	}
	var types []string
	if err := t.conn.QueryRow(ctx, `select array_agg(format('%s::%s', c.name, format_type(a.atttypid, a.atttypmod)) order by c.pos)
from unnest($2::text[]) with ordinality c (name, pos)
join pg_attribute a on a.attrelid = $1::text::regclass and quote_ident(a.attname) = c.name`, t.name, want.Columns).Scan(&types); err != nil {
		return err
	}
	if _, err := t.conn.Exec(ctx, "insert into "+into+" select "+strings.Join(types, ", ")+" from "+besideTable); err != nil {
		return wrap("exchange its rows", err)
	}
	var owned []sequence
	facts := t.target.facts()
	for _, q := range t.target.Sequences {
		if isOf(facts, t.name, "sequence "+q.Name) {
			owned = append(owned, q)
		}
	}
	return setSequences(ctx, t.conn, owned)
}

// checkReferences looks through foreign keys in both directions: while rows
// were exchanged nobody did.
func (t *tableRestoration) checkReferences(ctx context.Context) error {
	rows, err := t.conn.Query(ctx, `
select format('constraint %I of %s', k.conname, k.conrelid::regclass),
       format('select exists (select from %s c where %s and not exists (select from %s p where %s))',
           k.conrelid::regclass, string_agg(format('c.%I is not null', ca.attname), ' and '),
           k.confrelid::regclass, string_agg(format('p.%I operator(%I.%s) c.%I', pa.attname, n.nspname, o.oprname, ca.attname), ' and '))
from pg_constraint k
cross join unnest(k.conkey, k.confkey, k.conpfeqop) u (child, parent, operator)
join pg_attribute ca on ca.attrelid = k.conrelid and ca.attnum = u.child
join pg_attribute pa on pa.attrelid = k.confrelid and pa.attnum = u.parent
join pg_operator o on o.oid = u.operator
join pg_namespace n on n.oid = o.oprnamespace
where k.contype = 'f' and k.convalidated and $1::text::regclass in (k.conrelid, k.confrelid)
group by k.oid, k.conname, k.conrelid, k.confrelid`, t.name)
	if err != nil {
		return wrap("look for foreign keys", err)
	}
	type check struct{ what, query string }
	checks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c check, err error) { return c, row.Scan(&c.what, &c.query) })
	if err != nil {
		return wrap("look for foreign keys", err)
	}
	for _, c := range checks {
		var broken bool
		if err := t.conn.QueryRow(ctx, c.query).Scan(&broken); err != nil {
			return wrap("check "+c.what, err)
		}
		if broken {
			return fmt.Errorf("%s would be broken: rows refer to rows that are not there any more; restore the other table as well, or the whole database", c.what)
		}
	}
	return nil
}

// define makes the table, without what needs its rows.
func (t *tableRestoration) define(ctx context.Context, want relation) error {
	return t.eachStatement(ctx, func(st statement) bool { return !slices.Contains(afterData, st.kind) })
}

// finish makes its indexes, constraints, triggers and privileges.
func (t *tableRestoration) finish(ctx context.Context) error {
	return t.eachStatement(ctx, func(st statement) bool { return slices.Contains(afterData, st.kind) })
}

func (t *tableRestoration) eachStatement(ctx context.Context, wanted func(statement) bool) error {
	object, ok := t.part.Object(schemaObject)
	if !ok {
		return errors.New(withoutDump)
	}
	script := newScript(content.Open(ctx, t.source, object))
	about := t.about()
	for {
		st, err := script.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the dump: %w", err)
		}
		if st.sql == "" || isSetting(st.sql) || !about(st) || !wanted(st) {
			continue
		}
		if _, err := t.conn.Exec(ctx, st.sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return explained(st, err)
		}
	}
}

// about tells the statements that are about the table, or a sequence of it.
func (t *tableRestoration) about() func(statement) bool {
	names := []string{regexp.QuoteMeta(quotedAll(t.name))}
	facts := t.target.facts()
	for _, q := range t.target.Sequences {
		if isOf(facts, t.name, "sequence "+q.Name) {
			names = append(names, regexp.QuoteMeta(quotedAll(q.Name)))
		}
	}
	head := regexp.MustCompile(`(?s)^(?:CREATE (?:UNLOGGED )?TABLE|CREATE SEQUENCE|CREATE (?:UNIQUE )?INDEX "(?:[^"]|"")+" ON|CREATE (?:CONSTRAINT )?TRIGGER .*? ON|CREATE POLICY "(?:[^"]|"")+" ON|CREATE RULE .*? TO|CREATE STATISTICS .*? FROM|` +
		`ALTER TABLE|ALTER SEQUENCE|COMMENT ON (?:TABLE|COLUMN|SEQUENCE)|COMMENT ON (?:CONSTRAINT|TRIGGER|POLICY|RULE) "(?:[^"]|"")+" ON|(?:GRANT|REVOKE) .*? ON (?:TABLE|SEQUENCE)) (?:ONLY )?(?:` +
		strings.Join(names, "|") + `)(?:[ ;.(\n]|$)`)
	return func(st statement) bool { return head.MatchString(st.sql) }
}

// quotedAll quotes a name as pg_dump does here: each component.
func quotedAll(name string) string {
	schema, table, ok := cutName(name)
	if !ok {
		return name
	}
	return quoteName(schema) + "." + quoteName(table)
}

// cutName splits a qualified name as quote_ident writes it.
func cutName(name string) (schema, table string, ok bool) {
	m := qualified.FindStringSubmatch(name)
	if m == nil {
		return "", "", false
	}
	return unquoted(m[1]), unquoted(m[2]), true
}

var qualified = regexp.MustCompile(`^("(?:[^"]|"")+"|[^".]+)\.("(?:[^"]|"")+"|[^".]+)$`)
