package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dogear/internal/docker"
	"dogear/internal/dsn"
	"dogear/internal/rowproof"
	"dogear/kind"
)

// Kind is the kind of the driver's items.
const Kind = "postgres"

// Driver finds, inspects and captures Postgres servers and their databases.
type Driver struct {
	engines *docker.Connector
}

var (
	_ kind.Driver        = (*Driver)(nil)
	_ kind.Previewer     = (*Driver)(nil)
	_ kind.HealthChecker = (*Driver)(nil)
)

// New returns a driver for servers in containers of the given engine.
func New(engines *docker.Connector) *Driver { return &Driver{engines: engines} }

// Kind returns "postgres".
func (d *Driver) Kind() string { return Kind }

// Inspect returns the definitions and contents of a database, or what a
// server has beside databases. It reads in one transaction.
func (d *Driver) Inspect(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	return func(yield func(kind.Fact, error) bool) {
		facts, err := d.inspect(ctx, ws, item)
		if err != nil {
			yield(kind.Fact{}, err)
			return
		}
		kind.Stream(facts)(yield)
	}
}

func (d *Driver) inspect(ctx context.Context, ws *kind.Workspace, item kind.Item) ([]kind.Fact, error) {
	server, err := d.server(ctx, ws, item)
	if err != nil {
		return nil, err
	}
	conn, way, err := server.connect(ctx, server.databasesFor(item.ID)...)
	if err != nil {
		return nil, cannotAsk(ctx, err)
	}
	defer hangUp(conn)
	session, err := way.begin(ctx, conn)
	if err != nil {
		return nil, err
	}
	if databaseOf(item.ID) != "" {
		if err := session.prove(ctx, rowproof.Load(ws.Cache, item.ID)); err != nil {
			return nil, err
		}
	}
	facts, err := session.facts(ctx, databaseOf(item.ID), ws.Redact, nil, everything)
	if err != nil {
		return nil, err
	}
	return facts, session.proofs.note(session.relations, nil)
}

// WaitHealthy waits until the server has recovered and the database can be
// used. A server that was not running when it was captured need not run.
func (d *Driver) WaitHealthy(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	m, err := readMeta(ctx, part, source)
	if err != nil || !m.Running {
		return err
	}
	return d.await(ctx, ws, part, m)
}

func (d *Driver) await(ctx context.Context, ws *kind.Workspace, part kind.Part, m meta) error {
	return docker.Poll(ctx, func() (bool, error) {
		err := d.tryOut(ctx, ws, part.Item(), m.Standby)
		return err == nil, err
	})
}

func (d *Driver) tryOut(ctx context.Context, ws *kind.Workspace, item kind.Item, standby bool) error {
	server, err := d.server(ctx, ws, item)
	if err != nil {
		return err
	}
	conn, _, err := server.connect(ctx, server.databasesFor(item.ID)...)
	if err != nil {
		return cannotAsk(ctx, err)
	}
	defer hangUp(conn)
	var recovering bool
	if err := conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&recovering); err != nil {
		return err
	}
	if recovering && !standby {
		return errors.New("it is still recovering")
	}
	return nil
}

// server returns the server of an item.
func (d *Driver) server(ctx context.Context, ws *kind.Workspace, item kind.Item) (*server, error) {
	if item.RunsIn.IsZero() {
		return serverNamed(ws, item.ID)
	}
	return d.serverInContainer(ctx, ws, item.RunsIn)
}

// serverNamed returns the server that dogear.yaml names.
func serverNamed(ws *kind.Workspace, id kind.ID) (*server, error) {
	named, err := dsn.Named(ws, id)
	if err != nil {
		return nil, errDown{err.Error()}
	}
	s, _, err := byAddress(ws, named)
	return s, err
}

func (d *Driver) serverInContainer(ctx context.Context, ws *kind.Workspace, container kind.ID) (*server, error) {
	engine, err := d.engines.Engine(ctx)
	if err != nil {
		return nil, err
	}
	c, err := engine.Container(ctx, container.Name)
	if err != nil {
		return nil, err
	}
	s, err := serverIn(ctx, engine, c, loadRecord(ws, container))
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, kind.ErrGone
	}
	return s, nil
}

// databaseOf returns the database of an item, "" for the item of a server.
func databaseOf(id kind.ID) string {
	_, database, _ := strings.Cut(id.Name, "/")
	return database
}

func (s *server) databasesFor(id kind.ID) []string {
	if database := databaseOf(id); database != "" {
		return []string{database}
	}
	return s.maintenance()
}

// cannotAsk turns a failed attempt to connect into an error that the engines
// know: a database that is not there is gone, one that lets nobody in is not
// comparable.
func cannotAsk(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, kind.ErrNotRunning):
		return err
	case isUnknownDatabase(err):
		return kind.ErrGone
	}
	return errDown{fmt.Sprintf("connect to it: %v", err)}
}
