package mysql

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"dogear/kind"
)

var _ kind.Importer = (*Driver)(nil)

// Parent returns the item of the server that has a database.
func (d *Driver) Parent(id kind.ID) kind.ID {
	server, _, _ := strings.Cut(id.Name, "/")
	return kind.ID{Kind: Kind, Name: server}
}

// Import loads a script of mysqldump or mariadb-dump, gzipped or not, into a
// database of its own, captures that, and drops it. The script is not trusted:
// it runs as an account that may do nothing but in that database, and what it
// says to the client is not done. Who its programs run as (DEFINER) is only
// noted meanwhile.
func (d *Driver) Import(ctx context.Context, ws *kind.Workspace, item kind.Item, path string, sink kind.Sink) (_ kind.Part, err error) {
	database := databaseOf(item.ID)
	if database == "" {
		return kind.Part{}, errors.New("a dump is of one database: name it as mysql/SERVER/DATABASE")
	}
	s, l, err := d.reach(ctx, ws, item)
	if err != nil {
		return kind.Part{}, err
	}
	defer l.hangUp()
	i := &importing{
		restoration: &restoration{link: l, database: database}, server: s,
		name: ownPrefix + "import_" + short(database), definers: make(map[string]definer),
	}
	if i.conn, err = l.session(ctx); err != nil {
		return kind.Part{}, err
	}
	defer closeConn(i.conn)
	defer func() { i.loading.hangUp() }()
	defer func() {
		err = errors.Join(err, wrap("clear away the loaded dump", i.sweep(context.WithoutCancel(ctx))))
	}()
	if err := i.prepare(ctx); err != nil {
		return kind.Part{}, err
	}
	if err := i.load(ctx, path); err != nil {
		return kind.Part{}, err
	}
	return i.capture(ctx, ws, item, sink)
}

// importing is a dump that is being loaded.
type importing struct {
	*restoration
	server *server
	name   string // of the database and the account that are made for it
	source string // the database in the dump, once it says so in a statement
	named  string // the same, as a remark says

	loading   *link // of the account
	loader    *sql.Conn
	definers  map[string]definer // by what runs as them
	postponed []postponed
	gaps      []kind.Gap
}

// hosts are where the account may come from: without the second, an account
// without a name could be meant instead.
var hosts = []string{"%", "localhost"}

func (i *importing) accounts() []string {
	var all []string
	for _, host := range hosts {
		all = append(all, name(i.name)+"@"+name(host))
	}
	return all
}

// sweep drops the database and the account, those of a killed import too.
func (i *importing) sweep(ctx context.Context) error {
	if i.loader != nil {
		closeConn(i.loader) // it may have locked tables
		i.loader = nil
	}
	return i.exec(ctx, "DROP DATABASE IF EXISTS "+name(i.name), "DROP USER IF EXISTS "+strings.Join(i.accounts(), ", "))
}

// prepare makes the database, with the options of the live one, and the
// account.
func (i *importing) prepare(ctx context.Context) error {
	if err := i.sweep(ctx); err != nil {
		return wrap("clear away what an earlier import left", err)
	}
	options := ""
	err := each(ctx, i.conn, "SHOW CREATE DATABASE "+name(i.database), func(row []sql.NullString) error {
		_, options, _ = strings.Cut(row[1].String, name(i.database)+" ")
		return nil
	})
	if err != nil && !isError(err, errUnknownDatabase) {
		return wrap("ask for the live database", err)
	}
	if err := i.exec(ctx, "CREATE DATABASE "+name(i.name)+" "+options); err != nil {
		return wrap("create a database beside", err)
	}
	password := rand.Text()
	pattern := strings.ReplaceAll(i.name, "_", `\_`)
	for _, account := range i.accounts() {
		if err := i.exec(ctx, "CREATE USER "+account+" IDENTIFIED BY '"+password+"'", "GRANT ALL ON "+name(pattern)+".* TO "+account); err != nil {
			return wrap("create an account that may write to nothing but the loaded dump", err)
		}
	}
	if err := i.trust(ctx); err != nil {
		return err
	}
	w := i.link.way
	w.login = login{user: i.name, password: password}
	l, _, err := w.connect(ctx)
	if err != nil {
		return wrap("log in to load the dump", err)
	}
	i.loading = l
	if i.loader, err = l.db.Conn(ctx); err != nil {
		return wrap("log in to load the dump", err)
	}
	// A table may come before the one that it refers to.
	for _, statement := range []string{"SET SESSION foreign_key_checks = 0", "USE " + name(i.name)} {
		if _, err := i.loader.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// trust lets the account create functions and triggers where the server keeps
// a binary log. What else it might do to the log is in no statement that is run.
func (i *importing) trust(ctx context.Context) error {
	vars, err := variables(ctx, i.conn, "SHOW GLOBAL VARIABLES LIKE 'log_bin%'")
	if err != nil || !i.link.mariadb || vars["log_bin"] != "ON" || vars["log_bin_trust_function_creators"] == "ON" {
		return err
	}
	for _, account := range i.accounts() {
		if err := i.exec(ctx, "GRANT BINLOG ADMIN ON *.* TO "+account); err != nil {
			return wrap("let the dump have functions and triggers", err)
		}
	}
	return nil
}

// load runs the dump.
func (i *importing) load(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // read only
	plain, err := unpacked(file)
	if err != nil {
		return err
	}
	s := newScript(plain)
	for {
		statement, err := s.next()
		if errors.Is(err, io.EOF) {
			return i.runPostponed(ctx)
		}
		if err != nil {
			return fmt.Errorf("read the dump: %w", err)
		}
		if i.source == "" {
			i.named = s.database
		}
		if err := i.run(ctx, statement); err != nil {
			return err
		}
		if setsMode.MatchString(head(statement)) {
			s.noEscapes = strings.Contains(strings.ToUpper(statement), "NO_BACKSLASH_ESCAPES")
		}
	}
}

var setsMode = regexp.MustCompile(`(?i)^SET .*?[ ,.]?\bsql_mode ?=`)

// unpacked returns the script in a dump.
func unpacked(file io.Reader) (io.Reader, error) {
	r := bufio.NewReaderSize(file, 1<<18)
	begin, _ := r.Peek(16) // less is a short dump
	switch {
	case bytes.HasPrefix(begin, []byte("\x1f\x8b")):
		unzipped, err := gzip.NewReader(r)
		return unzipped, wrap("unpack the dump", err)
	case bytes.HasPrefix(begin, []byte("PGDMP")), bytes.HasPrefix(begin, []byte("SQLite format 3")), bytes.HasPrefix(begin, []byte("REDIS")), bytes.IndexByte(begin, 0) >= 0:
		return nil, errors.New("it is no script of mysqldump or mariadb-dump")
	}
	return r, nil
}

// capture makes a part of the loaded database, under the name it is to have.
func (i *importing) capture(ctx context.Context, ws *kind.Workspace, item kind.Item, sink kind.Sink) (kind.Part, error) {
	v, err := begin(ctx, i.link, i.name, unlocked)
	if err != nil {
		return kind.Part{}, err
	}
	defer v.close()
	v.deep = true
	if err := i.rename(ctx, v.definitions); err != nil {
		return kind.Part{}, err
	}
	c := &capture{ws: ws, item: item, sink: sink, server: i.server, link: i.link, view: v, dump: true}
	facts, err := v.facts(ctx, ws.Redact, c)
	if err != nil {
		return kind.Part{}, err
	}
	if err := c.describe(ctx); err != nil {
		return kind.Part{}, err
	}
	for _, g := range slices.Concat(v.gaps, i.gaps) {
		c.gap(g.What, g.Why)
	}
	slices.SortFunc(c.objects, func(a, b kind.Object) int { return strings.Compare(a.Name, b.Name) })
	return kind.Part{
		ID: item.ID, RunsIn: item.RunsIn, Claims: item.Claims, Objects: c.objects, Transaction: true,
		Read: c.read, Gaps: c.gaps, Facts: kind.Stream(facts),
	}, nil
}
