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
)

// staging loads a dump into a database of its own.
type staging struct {
	*restoration
	conn *pgx.Conn // to that database

	matviews []string // in the order in which they depend on each other
	loaded   *check
}

// stage makes the database beside, loads it, and compares it with the dump.
func (r *restoration) stage(ctx context.Context) (err error) {
	object, ok := r.part.Object(schemaObject)
	if !ok {
		return errors.New(withoutDump)
	}
	script := newScript(content.Open(ctx, r.source, object))
	if err := r.create(ctx, script); err != nil {
		return err
	}
	s := &staging{restoration: r}
	if s.conn, err = r.connectToStaged(ctx); err != nil {
		return err
	}
	defer func() { hangUp(s.conn) }()
	after, err := s.define(ctx, script)
	if err != nil {
		return err
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	if err := s.finish(ctx, after); err != nil {
		return err
	}
	if err := s.fillMatviews(ctx); err != nil {
		return err
	}
	return s.verify(ctx)
}

func (r *restoration) connectToStaged(ctx context.Context) (*pgx.Conn, error) {
	conn, err := r.way.connect(ctx, r.staged())
	if err != nil {
		return nil, wrap("connect to the new database", err)
	}
	if err := prepareToLoad(ctx, conn); err != nil {
		hangUp(conn)
		return nil, err
	}
	return conn, nil
}

// prepareToLoad makes a session fast: what it writes is made durable by the
// transaction that puts it in place.
func prepareToLoad(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `set synchronous_commit = off; set statement_timeout = 0; set lock_timeout = '60s'; set check_function_bodies = off;
set maintenance_work_mem = '128MB'`, pgx.QueryExecModeSimpleProtocol)
	return wrap("set up the session", err)
}

// create runs the beginning of the script, which creates the empty database
// with its owner and options. It goes on to where psql would connect to it.
func (r *restoration) create(ctx context.Context, script *script) error {
	for {
		st, err := script.next()
		if errors.Is(err, io.EOF) {
			return errors.New("the dump creates no database")
		}
		if err != nil {
			return fmt.Errorf("read the dump: %w", err)
		}
		if strings.HasPrefix(st.command, "connect") {
			return nil
		}
		if st.sql == "" || isSetting(st.sql) {
			continue
		}
		if err := r.exec(ctx, r.renamed(st.sql)); err != nil {
			return explained(st, err)
		}
	}
}

// isSetting tells what prepares a session from what makes something.
func isSetting(sql string) bool {
	return strings.HasPrefix(sql, "SET ") || strings.HasPrefix(sql, "SELECT pg_catalog.set_config(")
}

// aboutDatabase matches the statements of pg_dump that name the database.
var aboutDatabase = regexp.MustCompile(`^(?:(?:CREATE|ALTER) DATABASE |ALTER ROLE "(?:[^"]|"")+" IN DATABASE |COMMENT ON DATABASE |SECURITY LABEL FOR \S+ ON DATABASE |(?:GRANT|REVOKE) [A-Z, ]+ ON DATABASE )`)

// renamed puts the name of the new database in a statement that is about the
// database itself.
func (r *restoration) renamed(sql string) string {
	prefix := aboutDatabase.FindString(sql)
	own := quoteName(r.database)
	if prefix == "" || !strings.HasPrefix(sql[len(prefix):], own) {
		return sql
	}
	return prefix + quoteName(r.staged()) + sql[len(prefix)+len(own):]
}

// explained says which statement failed, without what may be secret in it.
func explained(st statement, err error) error {
	what := "run the dump"
	if st.kind != "" {
		what = fmt.Sprintf("create %s %s", strings.ToLower(st.kind), st.name)
	}
	if hasCode(err, "42704") && strings.Contains(err.Error(), "role ") {
		return fmt.Errorf("%s: %w: restore the roles of the server first, or create that one", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// afterData are the kinds of what is made once the rows are there.
var afterData = []string{
	"INDEX", "INDEX ATTACH", "CONSTRAINT", "FK CONSTRAINT", "TRIGGER", "EVENT TRIGGER", "RULE", "POLICY", "ROW SECURITY",
	"STATISTICS", "PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA", "SUBSCRIPTION", "DEFAULT ACL", "ACL",
}

// define runs the script up to what needs the rows, and returns the rest.
func (s *staging) define(ctx context.Context, script *script) ([]statement, error) {
	var after []statement
	for {
		st, err := script.next()
		if errors.Is(err, io.EOF) {
			return after, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the dump: %w", err)
		}
		s.noteMatview(st)
		switch {
		case st.sql == "":
		case len(after) > 0 || slices.Contains(afterData, st.kind) && !isSetting(st.sql):
			after = append(after, st)
		default:
			if err := s.run(ctx, s.conn, st); err != nil {
				return nil, err
			}
		}
	}
}

var createsMatview = regexp.MustCompile(`^CREATE MATERIALIZED VIEW ("(?:[^"]|"")+"\."(?:[^"]|"")+")`)

func (s *staging) noteMatview(st statement) {
	if m := createsMatview.FindStringSubmatch(st.sql); m != nil {
		s.matviews = append(s.matviews, m[1])
	}
}

// run runs a statement. A setting that an older server does not know changes
// nothing there.
func (s *staging) run(ctx context.Context, conn *pgx.Conn, st statement) error {
	sql := s.renamed(s.withVersion(ctx, st))
	_, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	if err == nil || isSetting(st.sql) && hasCode(err, "42704") {
		return nil
	}
	return explained(st, err)
}

// withVersion asks for the version of an extension that was captured, if the
// server has that.
func (s *staging) withVersion(ctx context.Context, st statement) string {
	version, known := s.meta.Platform.Extensions[st.name]
	if st.kind != "EXTENSION" || !known || !strings.HasPrefix(st.sql, "CREATE EXTENSION ") {
		return st.sql
	}
	var there bool
	err := s.restoration.conn.QueryRow(ctx, "select exists (select from pg_available_extension_versions where name = $1 and version = $2)", st.name, version).Scan(&there)
	if err != nil || !there {
		return st.sql
	}
	return st.sql + " VERSION " + quoteLiteral(version)
}

// verify compares what was loaded with the dump, before it is anybody's.
func (s *staging) verify(ctx context.Context) error {
	way := s.way
	session, err := way.begin(ctx, s.conn)
	if err != nil {
		return err
	}
	defer func() { _, _ = s.conn.Exec(context.WithoutCancel(ctx), "rollback") }() // it has only read
	session.exact = true
	large, err := session.rowFacts(ctx, s.loaded)
	if err != nil {
		return err
	}
	want := s.target.rowFacts()
	for _, name := range differing(want, large) {
		// What a view shows may depend on more than its database.
		if !strings.HasPrefix(name, "matview ") {
			return fmt.Errorf("what was loaded is not what was captured: %s is %q and was %q; the live database was not touched", name, large[name], want[name])
		}
	}
	return nil
}

// rowFacts reads all rows, whatever the size of the database, but those that
// were read as they were loaded: what was made since changes none.
func (s *session) rowFacts(ctx context.Context, loaded *check) (map[string]string, error) {
	found := loaded.found()
	for i := range s.relations {
		s.relations[i].Sum = found[s.relations[i].Name]
	}
	if err := s.copyRelations(ctx, discard, func(r relation) bool { return r.Sum == "" }); err != nil {
		return nil, err
	}
	inv := s.inventory(nil)
	large, err := s.copyLargeObjects(ctx, discard)
	if err != nil {
		return nil, fmt.Errorf("read large objects: %w", err)
	}
	for _, f := range large {
		inv.Facts = append(inv.Facts, [2]string{f.Name, f.Value})
	}
	return inv.rowFacts(), nil
}

// rowFacts are the facts about what a database holds.
func (inv *inventory) rowFacts() map[string]string {
	facts := make(map[string]string)
	for _, r := range inv.Relations {
		facts[r.fact()] = r.Sum
	}
	for _, q := range inv.Sequences {
		facts[q.fact().Name] = q.fact().Value
	}
	if large, ok := inv.exactly()[largeObjects]; ok {
		facts[largeObjects] = large
	}
	return facts
}
