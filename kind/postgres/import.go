package postgres

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"dogear/kind"
)

var _ kind.Importer = (*Driver)(nil)

// Parent returns the item of the server that has a database.
func (d *Driver) Parent(id kind.ID) kind.ID {
	name, _, _ := strings.Cut(id.Name, "/")
	return kind.ID{Kind: Kind, Name: name}
}

// Import loads a dump of pg_dump (a script, also compressed, an archive in one
// file, or a directory) into a database of its own, captures that, and drops it. The
// live database lends its owner, privileges and settings, if there is one.
// What the dump says to psql is not done (P9).
func (d *Driver) Import(ctx context.Context, ws *kind.Workspace, item kind.Item, path string, sink kind.Sink) (_ kind.Part, err error) {
	database := databaseOf(item.ID)
	if database == "" {
		return kind.Part{}, errors.New("a dump is of one database: name it as postgres/SERVER/DATABASE")
	}
	r := &restoration{ws: ws, database: database}
	if r.server, err = d.server(ctx, ws, item); err != nil {
		return kind.Part{}, err
	}
	if r.conn, r.way, err = r.server.connect(ctx, r.server.beside(database)...); err != nil {
		return kind.Part{}, cannotAsk(ctx, err)
	}
	defer r.close()
	if err := r.heal(ctx); err != nil {
		return kind.Part{}, err
	}
	defer func() { err = errors.Join(err, r.clear(context.WithoutCancel(ctx))) }()
	imp := &importing{restoration: r, missing: make(map[string]bool)}
	if err := imp.create(ctx); err != nil {
		return kind.Part{}, err
	}
	if err := imp.load(ctx, path); err != nil {
		return kind.Part{}, err
	}
	return imp.capture(ctx, item, sink)
}

// importing is a dump that is being loaded.
type importing struct {
	*restoration
	missing map[string]bool // roles that the dump names, and the server does not have
}

// create makes the empty database, with what the live one has of its own.
func (i *importing) create(ctx context.Context) error {
	there, err := i.exists(ctx, i.database)
	if err != nil {
		return err
	}
	if !there {
		return wrap("create a database beside", i.exec(ctx, "create database "+quoteName(i.staged())+" template template0 encoding 'UTF8'"))
	}
	var live bytes.Buffer
	complaint, err := i.server.run(ctx, i.way, "pg_dump", []string{"--schema-only", "--create", "--quote-all-identifiers", "--encoding=UTF8"}, i.database, nil, &live)
	if err == nil && complaint != "" {
		err = errors.New(complaint)
	}
	if err != nil {
		return wrap("read the definition of the live database", err)
	}
	script := newScript(&live)
	for {
		st, err := script.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if renamed := i.renamed(st.sql); renamed != st.sql {
			if err := i.exec(ctx, renamed); err != nil {
				return explained(st, err)
			}
		}
	}
}

// load runs the dump.
func (i *importing) load(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // read only
	info, err := file.Stat()
	if err != nil {
		return err
	}
	script := i.script
	if info.IsDir() {
		script = i.directory
	}
	plain, done, err := script(ctx, file)
	if err != nil {
		return err
	}
	conn, err := i.connectToStaged(ctx)
	if err != nil {
		return errors.Join(err, done())
	}
	defer hangUp(conn)
	if _, err := conn.Exec(ctx, "reset search_path"); err != nil { // a script may rely on it
		return errors.Join(wrap("set up the session", err), done())
	}
	err = i.run(ctx, conn, newScript(plain))
	if failed := done(); err == nil || failed != nil {
		err = failed
	}
	return err
}

// script returns the dump as an SQL script, and a function that ends what
// makes it one and says how that went.
func (i *importing) script(ctx context.Context, file *os.File) (io.Reader, func() error, error) {
	nothing := func() error { return nil }
	r := bufio.NewReaderSize(file, 1<<18)
	head, _ := r.Peek(512) // less is a short dump
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		unzipped, err := gzip.NewReader(r)
		return unzipped, nothing, wrap("unpack the dump", err)
	case bytes.HasPrefix(head, []byte("PGDMP")), len(head) > 262 && string(head[257:262]) == "ustar":
		out, done := scriptOf(func(w io.Writer) (string, error) {
			return i.server.run(ctx, i.way, "pg_restore", []string{"--file=-"}, "", r, w)
		})
		return out, done, nil
	}
	return r, nothing, nil
}

// scriptOf returns what pg_restore writes, and a function that ends it and says
// how that went.
func scriptOf(restore func(w io.Writer) (string, error)) (io.Reader, func() error) {
	out, w := io.Pipe()
	failed := make(chan error, 1)
	go func() {
		complaint, err := restore(w)
		if err == nil && complaint != "" {
			err = errors.New("pg_restore: " + complaint)
		}
		w.CloseWithError(err)
		failed <- err
	}()
	return out, func() error {
		_ = out.Close() // a pipe in memory: what writes to it ends
		if err := <-failed; !errors.Is(err, io.ErrClosedPipe) {
			return err
		}
		return nil
	}
}

func (i *importing) run(ctx context.Context, conn *pgx.Conn, script *script) error {
	connected := "" // pg_dump says it more than once
	for {
		st, err := script.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the dump: %w", err)
		}
		word, rest, _ := strings.Cut(st.command, " ")
		switch {
		case word == "connect" && connected != "" && connected != rest:
			return errors.New("the dump holds several databases: make one of the one that is wanted (pg_dump)")
		case word == "connect":
			connected = rest
			continue
		case word == "restrict", word == "unrestrict":
			continue
		case st.command != "":
			return fmt.Errorf(`the dump has the command \%s for psql, which is not run: it is not one of pg_dump`, kind.Printable(word))
		case st.sql == "", aboutAnyDatabase.MatchString(st.sql):
			continue
		case st.rows:
			if _, err := conn.PgConn().CopyFrom(ctx, script.copied(), st.sql); err != nil {
				return explained(st, err)
			}
			continue
		}
		if err := i.runOne(ctx, conn, st); err != nil {
			return err
		}
	}
}

// aboutAnyDatabase matches what a dump says about its database itself.
var aboutAnyDatabase = regexp.MustCompile(`(?i)^(?:(?:CREATE|ALTER|DROP) DATABASE |COMMENT ON DATABASE |(?:GRANT|REVOKE) [A-Z, ]+ ON DATABASE |ALTER ROLE \S+ IN DATABASE )`)

var missingRole = regexp.MustCompile(`role "(.*)" does not exist`)

// runOne runs a statement. Owners and privileges of roles that the server does
// not have are left out, and named.
func (i *importing) runOne(ctx context.Context, conn *pgx.Conn, st statement) error {
	_, err := conn.Exec(ctx, st.sql, pgx.QueryExecModeSimpleProtocol)
	if err == nil || isSetting(st.sql) && hasCode(err, "42704") {
		return nil
	}
	if m := missingRole.FindStringSubmatch(err.Error()); m != nil && givesAway.MatchString(st.sql) {
		i.missing[m[1]] = true
		return nil
	}
	if hasCode(err, "42P06") && strings.HasPrefix(strings.ToUpper(st.sql), "CREATE SCHEMA") { // public is there
		return nil
	}
	return explained(st, err)
}

var givesAway = regexp.MustCompile(`(?is)^(?:ALTER .* OWNER TO |GRANT |REVOKE |ALTER DEFAULT PRIVILEGES )`)

// capture makes a part of the loaded database, under the name it is to have.
func (i *importing) capture(ctx context.Context, item kind.Item, sink kind.Sink) (kind.Part, error) {
	conn, err := i.way.connect(ctx, i.staged())
	if err != nil {
		return kind.Part{}, err
	}
	ws := *i.ws
	ws.Dumped = append(ws.Dumped, item.ID)
	c := &capture{ws: &ws, item: item, sink: sink, server: i.server, conn: conn, way: i.way, from: i.staged(), imported: true}
	defer c.hangUp()
	if err := c.Hold(ctx); err != nil {
		return kind.Part{}, err
	}
	for role := range i.missing {
		c.gap("what belongs to role "+role, "the server has no such role; it belongs to "+i.way.login.user+" now")
	}
	return c.Finish(ctx)
}
