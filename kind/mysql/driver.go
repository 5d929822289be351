package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/kind"
)

// Kind is the kind of the driver's items.
const Kind = "mysql"

// Driver finds, inspects, captures and restores MariaDB and MySQL servers and
// their databases.
type Driver struct {
	engines *docker.Connector
}

var (
	_ kind.Driver        = (*Driver)(nil)
	_ kind.Previewer     = (*Driver)(nil)
	_ kind.Starter       = (*Driver)(nil)
	_ kind.HealthChecker = (*Driver)(nil)
)

// New returns a driver for servers in containers of the given engine.
func New(engines *docker.Connector) *Driver { return &Driver{engines: engines} }

// Kind returns "mysql".
func (d *Driver) Kind() string { return Kind }

// Inspect returns the definitions and contents of a database, or what a
// server has beside databases. It reads in one transaction.
func (d *Driver) Inspect(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	facts, err := d.inspect(ctx, ws, item)
	if err != nil {
		return kind.FailedFacts(err)
	}
	return kind.Stream(facts)
}

func (d *Driver) inspect(ctx context.Context, ws *kind.Workspace, item kind.Item) ([]kind.Fact, error) {
	s, l, err := d.reach(ctx, ws, item)
	if err != nil {
		return nil, err
	}
	defer l.hangUp()
	view, err := begin(ctx, l, databaseOf(item.ID), unlocked)
	if err != nil {
		return nil, err
	}
	defer view.close()
	view.proofs = loadProofs(ws, item.ID, s.run)
	facts, err := view.facts(ctx, ws.Redact, nil)
	if err != nil {
		return nil, err
	}
	return facts, view.proofs.Save()
}

// reach connects to the server of an item. An item that is gone, or that
// cannot be asked, is told by the error.
func (d *Driver) reach(ctx context.Context, ws *kind.Workspace, item kind.Item) (*server, *link, error) {
	s, err := d.server(ctx, ws, item)
	if err != nil {
		return nil, nil, err
	}
	l, err := s.connect(ctx)
	if err != nil {
		return nil, nil, cannotAsk(ctx, err)
	}
	return s, l, nil
}

// server returns the server of an item.
func (d *Driver) server(ctx context.Context, ws *kind.Workspace, item kind.Item) (*server, error) {
	if item.RunsIn.IsZero() {
		return serverNamed(ws, item.ID)
	}
	return d.serverIn(ctx, ws, item.RunsIn)
}

func (d *Driver) serverIn(ctx context.Context, ws *kind.Workspace, container kind.ID) (*server, error) {
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

// WaitHealthy waits until the server has recovered and can be asked. A server
// that was not running when it was captured need not run.
func (d *Driver) WaitHealthy(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	m, err := readMeta(ctx, part, source)
	if err != nil || !m.Running {
		return err
	}
	return d.await(ctx, ws, part)
}

// await waits until the server answers.
func (d *Driver) await(ctx context.Context, ws *kind.Workspace, part kind.Part) error {
	return docker.Poll(ctx, func() (bool, error) {
		_, l, err := d.reach(ctx, ws, part.Item())
		l.hangUp()
		return err == nil, err
	})
}

func readMeta(ctx context.Context, part kind.Part, source kind.Source) (meta, error) {
	var m meta
	object, ok := part.Object(metaObject)
	if !ok {
		return m, errors.New("the part lacks its description")
	}
	return m, content.GetJSON(ctx, source, object, &m)
}

// databaseOf returns the database of an item, "" for the item of a server.
func databaseOf(id kind.ID) string {
	_, database, _ := strings.Cut(id.Name, "/")
	return database
}

// cannotAsk turns a failed attempt to connect into an error that the engines
// know: a server that lets nobody in is not comparable.
func cannotAsk(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, kind.ErrNotRunning), errors.Is(err, kind.ErrGone):
		return err
	}
	return errDown{fmt.Sprintf("connect to it: %v", err)}
}
