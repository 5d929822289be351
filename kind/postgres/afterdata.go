package postgres

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"dogear/internal/content"
)

// finish makes what needs the rows: indexes and constraints several at once,
// and the rest in the order of the script.
func (s *staging) finish(ctx context.Context, after []statement) error {
	var settings []statement // in force
	var batch []task
	flush := func() error {
		defer func() { batch = nil }()
		return s.inParallel(ctx, batch)
	}
	var stage string
	for _, st := range after {
		kind := parallelStage(st)
		switch {
		case isSetting(st.sql):
			settings = inForce(settings, st)
			if err := s.run(ctx, s.conn, st); err != nil {
				return err
			}
			continue
		case kind == "COMMENT" && len(batch) > 0:
			batch[len(batch)-1].statements = append(batch[len(batch)-1].statements, st)
			continue
		case kind != "" && kind != "COMMENT":
			if kind != stage {
				if err := flush(); err != nil {
					return err
				}
				stage = kind
			}
			batch = append(batch, task{table: tableOf(st.sql), statements: append(slices.Clone(settings), st)})
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if err := s.run(ctx, s.conn, st); err != nil {
			return err
		}
	}
	return flush()
}

// inForce keeps the last value of each setting.
func inForce(settings []statement, st statement) []statement {
	name, _, _ := strings.Cut(st.sql, "=")
	settings = slices.DeleteFunc(settings, func(other statement) bool {
		n, _, _ := strings.Cut(other.sql, "=")
		return n == name
	})
	return append(settings, st)
}

// task is some statements about one table, in order.
type task struct {
	table      string
	statements []statement
}

// parallelStage returns what may run beside others of the same stage.
func parallelStage(st statement) string {
	switch st.kind {
	case "INDEX", "CONSTRAINT":
		if tableOf(st.sql) != "" {
			return "INDEX"
		}
	case "FK CONSTRAINT", "COMMENT":
		return st.kind
	}
	return ""
}

var onTable = regexp.MustCompile(`^(?:CREATE (?:UNIQUE )?INDEX "(?:[^"]|"")+" ON (?:ONLY )?|ALTER TABLE (?:ONLY )?)("(?:[^"]|"")+"\."(?:[^"]|"")+")`)

// tableOf returns the table that a statement of pg_dump is about.
func tableOf(sql string) string {
	if m := onTable.FindStringSubmatch(sql); m != nil {
		return m[1]
	}
	return ""
}

// inParallel runs tasks, those of one table one after another.
func (s *staging) inParallel(ctx context.Context, tasks []task) error {
	if len(tasks) == 0 {
		return nil
	}
	var tables []string
	byTable := make(map[string][]statement)
	for _, t := range tasks {
		if _, ok := byTable[t.table]; !ok {
			tables = append(tables, t.table)
		}
		byTable[t.table] = append(byTable[t.table], t.statements...)
	}
	s.largestFirst(tables)
	queue := make(chan []statement, len(tables))
	for _, t := range tables {
		queue <- byTable[t]
	}
	close(queue)
	return s.inStreams(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		for statements := range queue {
			for _, st := range statements {
				if err := s.runAgain(ctx, conn, st); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (s *staging) largestFirst(tables []string) {
	size := func(quoted string) int64 {
		object, _ := s.part.Object("table/" + unquoted(quoted))
		return object.Size
	}
	slices.SortStableFunc(tables, func(a, b string) int { return int(min(1, max(-1, size(b)-size(a)))) })
}

// deadlocks is how often a statement is tried that others got in the way of:
// foreign keys lock two tables each.
const deadlocks = 5

func (s *staging) runAgain(ctx context.Context, conn *pgx.Conn, st statement) (err error) {
	for range deadlocks {
		if err = s.run(ctx, conn, st); !hasCode(err, "40P01") {
			return err
		}
	}
	return err
}

// fillMatviews refreshes the materialized views, and where that does not give
// the rows that were captured, as they were stale, loads those.
func (s *staging) fillMatviews(ctx context.Context) error {
	if len(s.matviews) > 0 {
		if err := withoutTriggers(ctx, s.conn); err != nil {
			return err
		}
	}
	for _, name := range s.matviews {
		want := s.target.relation(requoted(s.target, name))
		if want == nil || !want.Populated {
			continue
		}
		if _, err := s.conn.Exec(ctx, "refresh materialized view "+name); err != nil {
			return fmt.Errorf("refresh materialized view %s: %w", name, err)
		}
		have := *want
		if err := copyRelation(ctx, s.conn, &have); err != nil {
			return fmt.Errorf("read materialized view %s: %w", name, err)
		}
		if have.Sum == want.Sum {
			continue
		}
		if err := s.loadMatview(ctx, *want); err != nil {
			return fmt.Errorf("load materialized view %s: %w", name, err)
		}
	}
	return nil
}

// requoted finds the name under which a relation is listed: pg_dump quotes all
// names, and we only those that need it.
func requoted(inv *inventory, name string) string {
	for _, r := range inv.Relations {
		if unquoted(r.Name) == unquoted(name) {
			return r.Name
		}
	}
	return name
}

// loadMatview gives a materialized view rows that its query does not give (any
// more): it is refreshed while its rule is that of a view of a table that holds
// the rows. Only this database, which nobody uses yet, ever sees that rule.
func (s *staging) loadMatview(ctx context.Context, want relation) error {
	object, ok := s.part.Object(want.object())
	if !ok {
		return nil // the facts tell
	}
	rows := content.Open(ctx, s.source, object)
	if err := s.execAll(ctx,
		fmt.Sprintf("create schema %s; create table %[1]s.rows as select * from %[2]s with no data", ownSchema, want.Name)); err != nil {
		return err
	}
	if err := copyRows(ctx, s.conn, rows, nil, ownSchema+".rows", ""); err != nil {
		return err
	}
	if err := s.execAll(ctx,
		fmt.Sprintf("create materialized view %s.view as select * from %[1]s.rows with no data", ownSchema),
		fmt.Sprintf("create table %s.rule as select ev_action from %s", ownSchema, ruleOf(want.Name)),
		setRule(want.Name, fmt.Sprintf("select ev_action from %s", ruleOf(ownSchema+".view")))); err != nil {
		return err
	}
	// Only a session that has not seen the old rule sees the new one.
	if err := s.refreshAnew(ctx, want.Name); err != nil {
		return err
	}
	return s.execAll(ctx,
		setRule(want.Name, fmt.Sprintf("select ev_action from %s.rule", ownSchema)),
		fmt.Sprintf("drop materialized view %s.view; drop table %[1]s.rows, %[1]s.rule; drop schema %[1]s", ownSchema))
}

// ownSchema holds what loading a view needs, in a database that nobody uses yet.
const ownSchema = "dogear_restore"

func ruleOf(relation string) string {
	return "pg_catalog.pg_rewrite where rulename = '_RETURN' and ev_class = " + quoteLiteral(relation) + "::regclass"
}

func setRule(relation, query string) string {
	return fmt.Sprintf("update pg_catalog.pg_rewrite set ev_action = (%s) where rulename = '_RETURN' and ev_class = %s::regclass", query, quoteLiteral(relation))
}

func (s *staging) execAll(ctx context.Context, statements ...string) error {
	for _, st := range statements {
		if _, err := s.conn.Exec(ctx, st, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return nil
}

// withoutTriggers keeps the event triggers of the dump from acting on what we do.
func withoutTriggers(ctx context.Context, conn *pgx.Conn) error {
	if conn.PgConn().ParameterStatus("is_superuser") != "on" {
		return nil // others may not
	}
	_, err := conn.Exec(ctx, "set session_replication_role = replica")
	return wrap("set up the session", err)
}

func (s *staging) refreshAnew(ctx context.Context, name string) error {
	conn, err := s.connectToStaged(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	if err := withoutTriggers(ctx, conn); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "refresh materialized view "+name)
	return err
}
