package mysql

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"dogear/internal/docker"
	"dogear/kind"
)

// startTime is how long a server that is just starting is waited for.
const startTime = 20 * time.Second

// systemDatabases belong to the server.
var systemDatabases = []string{"information_schema", "mysql", "performance_schema", "sys"}

// Find lists the servers in the workspace's containers and those that dogear.yaml
// names, and their databases.
// Of a server that cannot be asked it lists what there was the last time.
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
	return append([]kind.Item{server}, databaseItems(server, []kind.ID{id, server.ID}, known.Databases)...), nil
}

// databaseItems are those of a server. Views and routines belong to its
// accounts, which come first.
func databaseItems(server kind.Item, needs []kind.ID, databases []string) []kind.Item {
	var items []kind.Item
	for _, database := range databases {
		item := server
		item.ID.Name += "/" + database
		item.Needs = needs
		items = append(items, item)
	}
	return items
}

// refresh returns what the server says about itself now, and remembers it; or
// what was known before of a server that cannot be asked. Inspect and Open
// say why it cannot.
func (s *server) refresh(ctx context.Context, ws *kind.Workspace, container kind.ID, known record) (record, error) {
	asked, err := s.ask(ctx)
	switch {
	case err == nil:
		return asked, wrap("remember the server", asked.save(ws, container))
	case ctx.Err() != nil:
		return record{}, ctx.Err()
	case known.DataDir == "":
		known.DataDir = s.dataDir
		if known.DataDir == "" {
			known.DataDir = defaultDataDir
		}
	}
	return known, nil
}

// ask asks the server where its files are and which databases it has. A
// server that is starting is given some time.
func (s *server) ask(ctx context.Context) (record, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var l *link
	err := docker.Poll(ctx, func() (done bool, err error) {
		l, err = s.connect(ctx)
		return err == nil || s.down != nil || isError(err, errAccessDenied), err
	})
	if err != nil {
		return record{}, err
	}
	defer l.hangUp()
	conn, err := l.session(ctx)
	if err != nil {
		return record{}, err
	}
	defer closeConn(conn)
	vars, err := variables(ctx, conn, "SHOW GLOBAL VARIABLES")
	if err != nil {
		return record{}, err
	}
	r := record{DataDir: vars["datadir"], Places: placesOf(vars["datadir"], vars)}
	r.Databases, err = databases(ctx, conn)
	return r, err
}

// databases lists the databases that are not the server's, nor left over from
// a restore that was killed.
func databases(ctx context.Context, conn *sql.Conn) ([]string, error) {
	var names []string
	err := each(ctx, conn, "SHOW DATABASES", func(row []sql.NullString) error {
		n := row[0].String
		if !slices.Contains(systemDatabases, n) && !strings.HasPrefix(n, ownPrefix) {
			names = append(names, n)
		}
		return nil
	})
	slices.Sort(names)
	return names, wrap("ask for databases", err)
}

// connect connects to the server.
func (s *server) connect(ctx context.Context) (*link, error) {
	if s.down != nil {
		return nil, s.down
	}
	return connect(ctx, s.ways(ctx))
}
