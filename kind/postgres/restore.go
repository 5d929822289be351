package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"dogear/kind"
)

var (
	_ kind.Separable    = (*Driver)(nil)
	_ kind.Exchanger    = (*Driver)(nil)
	_ kind.Insider      = (*Driver)(nil)
	_ kind.Distant      = (*Driver)(nil)
	_ kind.Configurable = (*Driver)(nil)
)

// otherServer is the option that allows a dump on another server than it was
// taken from.
const otherServer = "other-server"

// Options returns the options of restores.
func (d *Driver) Options() []kind.Option {
	return []kind.Option{{Key: otherServer, Values: []string{"yes", "no"}}}
}

// Separable reports that a dump needs no files of the server.
func (d *Driver) Separable(kind.Part) bool { return true }

// withoutDump is the answer to a restore of what is not in the part.
const withoutDump = "the snapshot holds no dump of it: restore it together with the volume that holds the server's files"

// Restore makes a database, some tables of it, or what a server has beside
// databases, what the dump says. The engine calls it only where the server's
// files do not come back by themselves.
func (d *Driver) Restore(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	r, err := d.restoration(ctx, ws, part, source)
	if err != nil {
		return err
	}
	defer r.close()
	if reasons := r.guard(ctx); len(reasons) > 0 && part.Back == "" {
		return errors.New(strings.Join(reasons, "; "))
	}
	switch {
	case r.database == "":
		return r.restoreServer(ctx)
	case len(part.Inside) > 0:
		return r.restoreTables(ctx)
	}
	return r.exchange(ctx)
}

// Preview compares what is live with the part.
func (d *Driver) Preview(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (kind.Change, error) {
	r, err := d.restoration(ctx, ws, part, source)
	switch {
	case errors.Is(err, kind.ErrNotRunning), errors.Is(err, kind.ErrGone):
		return kind.Change{Action: kind.ActionPatch, Conflicts: []string{err.Error() + ": start it to restore its dump, or restore its files"}}, nil
	case err != nil:
		return kind.Change{}, err
	}
	defer r.close()
	change, err := r.preview(ctx)
	if err != nil {
		return kind.Change{}, err
	}
	if change.Action != kind.ActionNone {
		change.Conflicts = append(change.Conflicts, r.guard(ctx)...)
		change.Remote = r.server.remote()
	}
	return change, nil
}

// restoration brings one item to the state of a part, on a server that runs.
type restoration struct {
	ws       *kind.Workspace
	part     kind.Part
	source   kind.Source
	meta     meta
	target   *inventory
	database string // "" for what belongs to no database

	server *server
	way    way
	conn   *pgx.Conn // not to the database
}

func (d *Driver) restoration(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) (*restoration, error) {
	r := &restoration{ws: ws, part: part, source: source, database: databaseOf(part.ID), target: &inventory{}}
	var err error
	if r.meta, err = readMeta(ctx, part, source); err != nil {
		return nil, err
	}
	if r.meta.Format >= metaFormat {
		if r.target, err = readInventory(ctx, part, source); err != nil {
			return nil, err
		}
	}
	if r.server, err = d.server(ctx, ws, part.Item()); err != nil {
		return nil, err
	}
	r.conn, r.way, err = r.server.connect(ctx, r.server.beside(r.database)...)
	return r, cannotAsk(ctx, err)
}

func (r *restoration) close() { hangUp(r.conn) }

// guard returns why the dump cannot be restored on this server, each with the
// way out.
func (r *restoration) guard(ctx context.Context) []string {
	if !r.meta.Dump || r.meta.Format < metaFormat {
		return []string{withoutDump}
	}
	var reasons []string
	if err := r.checkSystem(ctx); err != nil {
		reasons = append(reasons, err.Error())
	}
	if r.database == "" {
		return reasons
	}
	missing, err := r.missingExtensions(ctx)
	if err != nil {
		reasons = append(reasons, err.Error())
	}
	for _, name := range missing {
		reasons = append(reasons, fmt.Sprintf("the server does not have the extension %s, which the database uses: install it there", name))
	}
	prepared, err := r.strings(ctx, "select gid from pg_prepared_xacts where database = $1 order by 1", r.database)
	if err != nil {
		reasons = append(reasons, err.Error())
	}
	for _, gid := range prepared {
		reasons = append(reasons, fmt.Sprintf("the database has the prepared transaction %q open: commit it or roll it back first", gid))
	}
	return reasons
}

// checkSystem keeps the dump of one server from being restored on another by
// accident. A dump of another program comes from no server that is known.
func (r *restoration) checkSystem(ctx context.Context) error {
	if r.meta.System == "" || r.ws.Option(Kind, otherServer) == "yes" {
		return nil
	}
	var live string
	if err := r.conn.QueryRow(ctx, "select system_identifier::text from pg_control_system()").Scan(&live); err != nil {
		return wrap("ask who the server is", err)
	}
	if live != r.meta.System {
		return fmt.Errorf("it is another server (%s) than the one that was captured (%s): -o %s.%s=yes restores the dump there all the same", live, r.meta.System, Kind, otherServer)
	}
	return nil
}

func (r *restoration) missingExtensions(ctx context.Context) ([]string, error) {
	var wanted []string
	for name := range r.meta.Platform.Extensions {
		wanted = append(wanted, name)
	}
	missing, err := r.strings(ctx, `select u.name from unnest($1::text[]) u (name)
where not exists (select from pg_available_extensions a where a.name = u.name) order by 1`, wanted)
	return missing, wrap("ask for extensions", err)
}

func (r *restoration) strings(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := r.conn.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// preview says what Restore would do.
func (r *restoration) preview(ctx context.Context) (kind.Change, error) {
	live, err := r.live(ctx)
	if errors.Is(err, kind.ErrGone) {
		change := kind.Change{Action: kind.ActionCreate}
		r.need(&change, func(string) bool { return true })
		return change, nil
	}
	if err != nil {
		return kind.Change{}, err
	}
	restores := r.restores()
	differ := slices.DeleteFunc(differing(r.target.exactly(), live), func(fact string) bool { return !restores(fact) })
	for name, value := range live { // nobody knows what is in it
		if isUnread(value) && restores(name) && !slices.Contains(differ, name) {
			differ = append(differ, name)
		}
	}
	slices.SortFunc(differ, kind.CompareNames)
	if len(differ) == 0 {
		return kind.Change{Action: kind.ActionNone}, nil
	}
	change := kind.Change{Action: kind.ActionReplace, Details: differ}
	if r.database == "" || len(r.part.Inside) > 0 {
		change.Action = kind.ActionPatch
		change.Conflicts = r.redefined(live, differ)
	}
	r.need(&change, func(object string) bool {
		return len(r.part.Inside) == 0 || slices.ContainsFunc(r.tables(), func(t string) bool { return object == "table/"+t })
	})
	return change, nil
}

// redefined says of tables that are to be restored alone that they are not
// those of the dump any more.
func (r *restoration) redefined(live map[string]string, differ []string) []string {
	var reasons []string
	for _, t := range r.tables() {
		if _, there := live["schema table "+t]; !there || r.target.relation(t) == nil || r.database == "" {
			continue
		}
		i := slices.IndexFunc(differ, func(fact string) bool {
			return hasPrefix(fact, "schema column "+t+".", "schema constraint "+t+".") || fact == "schema table "+t
		})
		if i >= 0 {
			reasons = append(reasons, fmt.Sprintf("table %s was redefined since (%s): restore the whole database", t, differ[i]))
		}
	}
	return reasons
}

// need adds the content that is needed to a change.
func (r *restoration) need(change *kind.Change, wanted func(object string) bool) {
	for _, o := range r.part.Objects {
		if o.Name != metaObject && o.Name != inventoryObject && wanted(o.Name) {
			change.Chunks = append(change.Chunks, o.Chunks...)
			change.Bytes += o.Size
		}
	}
}

// live returns the live facts, and notes for Restore what the tables were.
func (r *restoration) live(ctx context.Context) (map[string]string, error) {
	conn, way, err := r.server.connect(ctx, r.server.databasesFor(r.part.ID)...)
	if err != nil {
		return nil, cannotAsk(ctx, err)
	}
	defer hangUp(conn)
	s, err := way.begin(ctx, conn)
	if err != nil {
		return nil, err
	}
	s.exact = true // nobody is told that nothing is to be done, who has not looked
	want := everything
	if len(r.part.Inside) > 0 {
		tables := r.tables()
		want = func(rel relation) bool { return slices.Contains(tables, rel.Name) }
	}
	facts, err := s.facts(ctx, r.database, r.ws.Redact, nil, want)
	if err != nil {
		return nil, err
	}
	inv := s.inventory(facts)
	for _, rel := range inv.Relations {
		_, _ = r.ws.Shared.Once(r.noteName(rel.Name), func() (any, error) { return rel.Sum, nil }) // it cannot fail
	}
	return inv.facts(), nil
}

// restores tells which facts Restore makes right.
func (r *restoration) restores() func(fact string) bool {
	switch {
	case r.database == "":
		return func(fact string) bool { return hasPrefix(fact, "role ", "setting ", "tablespace ") }
	case len(r.part.Inside) > 0:
		return r.inside()
	}
	return func(string) bool { return true }
}

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// Exchanges reports whether all of the database is exchanged.
func (d *Driver) Exchanges(part kind.Part) bool {
	return databaseOf(part.ID) != "" && len(part.Inside) == 0
}

// Start puts back what a server that recovered has lost, once it runs with the
// files of the part: it empties unlogged tables (P2), and moves sequences ahead
// if no checkpoint was written (P10).
func (d *Driver) Start(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	m, err := readMeta(ctx, part, source)
	if err != nil || !m.Running || m.Standby || m.Format < metaFormat || databaseOf(part.ID) == "" {
		return err
	}
	if err := d.await(ctx, ws, part, m); err != nil {
		return err
	}
	target, err := readInventory(ctx, part, source)
	if err != nil {
		return err
	}
	server, err := d.server(ctx, ws, part.Item())
	if err != nil {
		return err
	}
	conn, way, err := server.connect(ctx, databaseOf(part.ID))
	if err != nil {
		return cannotAsk(ctx, err)
	}
	defer hangUp(conn)
	return recovered{conn: conn, way: way, part: part, source: source, target: target}.putBack(ctx)
}

var _ kind.Starter = (*Driver)(nil)

// Remove takes away a database that the snapshot does not have. It is kept
// under another name until nothing can be undone with it.
func (d *Driver) Remove(ctx context.Context, ws *kind.Workspace, item kind.Item) error {
	server, err := d.server(ctx, ws, item)
	if err != nil {
		return err
	}
	database := databaseOf(item.ID)
	if database == "" {
		return nil // it goes with what it runs in
	}
	conn, way, err := server.connect(ctx, server.beside(database)...)
	if err != nil {
		return cannotAsk(ctx, err)
	}
	defer hangUp(conn)
	r := &restoration{ws: ws, database: database, server: server, way: way, conn: conn}
	return r.takeAway(ctx)
}

// Machine names the other machine that the server of an item is on.
func (d *Driver) Machine(ctx context.Context, ws *kind.Workspace, item kind.Item) (string, error) {
	server, err := d.server(ctx, ws, item)
	if err != nil {
		return "", err
	}
	return server.remote(), nil
}
