package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dogear/internal/docker"
	"dogear/kind"
)

// startTime is how long a server that is just starting is waited for.
const startTime = 20 * time.Second

// Find lists the servers in the workspace's containers and those that
// dogear.yaml names, and their databases. Of a server that cannot be asked it
// lists what there was the last time.
func (d *Driver) Find(ctx context.Context, ws *kind.Workspace, found []kind.Item) ([]kind.Item, error) {
	items, err := d.findByAddress(ctx, ws)
	if err != nil {
		return nil, err
	}
	inside, err := d.engines.FindServers(ctx, found, func(engine *docker.Engine, c *docker.Container, name string) ([]kind.Item, error) {
		return findIn(ctx, ws, engine, c, name, found)
	})
	items = append(items, inside...)
	slices.SortFunc(items, func(a, b kind.Item) int { return a.ID.Compare(b.ID) })
	return items, err
}

func findIn(ctx context.Context, ws *kind.Workspace, engine *docker.Engine, c *docker.Container, name string, found []kind.Item) ([]kind.Item, error) {
	id := kind.ID{Kind: "container", Name: c.Name}
	known := loadRecord(ws, id)
	s, err := serverIn(ctx, engine, c, known)
	if err != nil || s == nil {
		return nil, err
	}
	if known, err = s.refresh(ctx, ws, id, known); err != nil {
		return nil, err
	}
	server := kind.Item{
		ID: kind.ID{Kind: Kind, Name: name}, RunsIn: id, Needs: []kind.ID{id},
		Claims: claims(known, id, c, found),
	}
	return append([]kind.Item{server}, databaseItems(server, known.Databases)...), nil
}

// databaseItems are those of a server. The roles that own what is in them
// belong to the server, which comes first.
func databaseItems(server kind.Item, databases []string) []kind.Item {
	var items []kind.Item
	for _, database := range databases {
		item := server
		item.ID.Name += "/" + database
		item.Needs = append(slices.Clone(server.Needs), server.ID)
		items = append(items, item)
	}
	return items
}

// refresh returns what the server says about itself now, and remembers it; or
// what was known before of a server that cannot be asked. Inspect and Open
// say why it cannot.
func (s *server) refresh(ctx context.Context, ws *kind.Workspace, id kind.ID, known record) (record, error) {
	asked, err := s.ask(ctx)
	switch {
	case err == nil:
		asked.WAL, asked.Run = s.lookForWAL(ctx, known)
		return asked, wrap("remember the server", asked.save(ws, id))
	case ctx.Err() != nil:
		return record{}, ctx.Err()
	case known.DataDir == "":
		known.DataDir = s.dataDir
	}
	return known, nil
}

// ask asks the server where its files are and which databases it has. A
// server that is starting is given some time.
func (s *server) ask(ctx context.Context) (record, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var conn *pgx.Conn
	err := docker.Poll(ctx, func() (done bool, err error) {
		conn, _, err = s.connect(ctx, s.maintenance()...)
		return !isStarting(err), err
	})
	if err != nil {
		return record{}, err
	}
	defer hangUp(conn)
	r := record{DataDir: s.dataDir}
	err = conn.QueryRow(ctx, `
select coalesce((select setting from pg_settings where name = 'data_directory'), $1),
       array(select datname::text from pg_database
             where datallowconn and not datistemplate and datname !~ $2
             order by datname collate "C"),
       array(select pg_tablespace_location(oid) from pg_tablespace where pg_tablespace_location(oid) <> '' order by 1),
       array(select datname::text from pg_database)`,
		s.dataDir, ours).Scan(&r.DataDir, &r.Databases, &r.Tablespaces, &r.there)
	return r, wrap("ask for databases", err)
}

// lookForWAL returns the directory of the write-ahead log if the data directory
// has only a link to it, as of this run of the container.
func (s *server) lookForWAL(ctx context.Context, known record) (dir, run string) {
	if s.container == nil {
		return "", ""
	}
	run = s.container.ID + " " + s.container.State.StartedAt.String()
	if known.Run == run {
		return known.WAL, run
	}
	return s.inside().walDirectory(ctx), run
}

// isStarting reports whether the server says that it will be there soon.
func isStarting(err error) bool {
	return hasCode(err, "57P03") // cannot_connect_now
}

func isUnknownDatabase(err error) bool {
	return hasCode(err, "3D000") // invalid_catalog_name
}

// hasCode reports whether the server said so, on any way to it.
func hasCode(err error, code string) bool {
	var several refusals
	if errors.As(err, &several) {
		return slices.ContainsFunc(several, func(err error) bool { return hasCode(err, code) })
	}
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == code
}
