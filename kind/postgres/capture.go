package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dogear/internal/content"
	"dogear/kind"
)

// How long the workspace may stay frozen for a checkpoint, and for all that
// Hold does.
const (
	checkpointTime = 5 * time.Second
	holdTime       = 15 * time.Second
)

// capture is the capture of one item of a server that runs.
type capture struct {
	ws     *kind.Workspace
	item   kind.Item
	sink   kind.Sink
	server *server
	conn   *pgx.Conn
	way    way // by which conn was made
	// from is the database that is read, if it is not yet under its name, and
	// imported says that it is of no server that is known.
	from     string
	imported bool

	session *session
	gaps    []kind.Gap
	dump    bool // it is wanted, and nothing of it is missing

	mu     sync.Mutex
	stored []stored // guarded by mu
	read   int64    // guarded by mu
}

var (
	_ kind.Preparer = (*capture)(nil)
	_ kind.Holder   = (*capture)(nil)
)

// Open begins a capture. An item whose server cannot be asked is captured
// without facts, as its files are captured with the tree they are in.
func (d *Driver) Open(ctx context.Context, ws *kind.Workspace, item kind.Item, sink kind.Sink) (kind.Capture, error) {
	server, err := d.server(ctx, ws, item)
	if err != nil {
		return nil, err
	}
	conn, way, err := server.connect(ctx, server.databasesFor(item.ID)...)
	if err = cannotAsk(ctx, err); errors.Is(err, kind.ErrNotRunning) {
		return &silent{item: item, sink: sink, why: err, image: server.image()}, nil
	}
	if err != nil {
		return nil, err
	}
	return &capture{ws: ws, item: item, sink: sink, server: server, conn: conn, way: way}, nil
}

// Prepare writes a checkpoint, so that the one in Hold has little to do. One
// item of each server does that.
func (c *capture) Prepare(ctx context.Context) error {
	if c.database() != "" {
		return nil
	}
	return c.checkpoint(ctx)
}

// Hold opens the transaction. The writers are frozen or stopped by now.
func (c *capture) Hold(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, holdTime)
	defer cancel()
	if c.database() == "" {
		if err := c.checkpoint(ctx); err != nil {
			return err
		}
	}
	var err error
	c.session, err = c.way.begin(ctx, c.conn)
	return err
}

// checkpoint keeps sequences where they are: a server that recovers moves
// those ahead that were used since its last checkpoint. Where that is not
// possible the snapshot is good all the same, and says so.
func (c *capture) checkpoint(ctx context.Context) error {
	_, err := c.conn.Exec(ctx, fmt.Sprintf("set statement_timeout = %d; checkpoint; set statement_timeout = '300s'", checkpointTime.Milliseconds()),
		pgx.QueryExecModeSimpleProtocol)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return wrap("write a checkpoint", err)
	}
	c.gap("exact values of sequences", "no checkpoint could be written ("+refused.Message+"): if captured while running, they may come back up to 32 values ahead")
	return nil
}

// Take has nothing to do: the transaction is open, and the server may be
// frozen.
func (c *capture) Take(context.Context) error {
	if c.session == nil {
		return errors.New("no transaction is open")
	}
	return nil
}

// Finish reads facts and dump from the transaction, and ends it: a server
// that is asked to stop next may wait for its clients to leave.
func (c *capture) Finish(ctx context.Context) (kind.Part, error) {
	defer c.hangUp()
	part, err := c.finish(ctx)
	if err != nil {
		return kind.Part{}, c.orDropped(ctx, err)
	}
	return part, nil
}

func (c *capture) finish(ctx context.Context) (kind.Part, error) {
	if c.dump = c.wantsDump(); c.dump {
		if err := c.dumpDefinitions(ctx); err != nil {
			return kind.Part{}, err
		}
	}
	if err := c.prove(ctx); err != nil {
		return kind.Part{}, err
	}
	facts, err := c.session.facts(ctx, c.database(), c.ws.Redact, c.keep(ctx), c.reads)
	if err != nil {
		return kind.Part{}, err
	}
	c.nameUnwritable()
	if err := c.session.proofs.note(c.session.relations, c.objects()); err != nil {
		return kind.Part{}, err
	}
	if err := c.describe(ctx, facts); err != nil {
		return kind.Part{}, err
	}
	if err := c.findGaps(ctx); err != nil {
		return kind.Part{}, err
	}
	return kind.Part{
		ID: c.item.ID, Needs: c.item.Needs, RunsIn: c.item.RunsIn, Claims: c.item.Claims,
		Objects: c.objects(), Held: c.session.held, Transaction: true,
		Read: c.read, Gaps: c.gaps, Facts: kind.Stream(facts),
	}, nil
}

// orDropped says of a database that could not be read if somebody has dropped it
// meanwhile, which ends all sessions.
func (c *capture) orDropped(ctx context.Context, err error) error {
	if c.database() == "" || ctx.Err() != nil {
		return err
	}
	conn, _, failed := c.server.connect(ctx, c.server.beside(c.database())...)
	if failed != nil {
		return err
	}
	defer hangUp(conn)
	r := &restoration{conn: conn}
	if there, failed := r.exists(ctx, c.database()); there || failed != nil {
		return err
	}
	return fmt.Errorf("somebody has dropped the database while it was being captured; save again: %w", err)
}

// describe stores the driver's own objects.
func (c *capture) describe(ctx context.Context, facts []kind.Fact) error {
	m := meta{
		Format: metaFormat, Running: true, Database: databaseOf(c.item.ID), Size: c.session.size, Dump: c.dump,
		Version: c.conn.PgConn().ParameterStatus("server_version"), Unread: anyUnread(facts),
	}
	err := c.conn.QueryRow(ctx, "select system_identifier::text, pg_is_in_recovery() from pg_control_system()").Scan(&m.System, &m.Standby)
	if err != nil {
		return fmt.Errorf("ask who the server is: %w", err)
	}
	if c.imported {
		m.System = ""
	}
	m.Image = c.server.image()
	if m.Platform, err = readPlatform(ctx, c.conn); err != nil {
		return err
	}
	for _, o := range []struct {
		name string
		v    any
	}{{metaObject, m}, {inventoryObject, c.session.inventory(facts)}} {
		object, err := content.PutJSON(ctx, c.sink, o.name, o.v)
		if err != nil {
			return err
		}
		c.add(object, 0)
	}
	return nil
}

// Close ends the transaction, also if the server is frozen.
func (c *capture) Close() error {
	c.hangUp()
	return nil
}

func (c *capture) hangUp() {
	hangUp(c.conn)
	c.conn = nil
}

func (c *capture) database() string {
	if c.from != "" {
		return c.from
	}
	return databaseOf(c.item.ID)
}

func (c *capture) gap(what, why string) {
	c.gaps = append(c.gaps, kind.Gap{Part: c.item.ID, What: what, Why: why})
}

// silent is the capture of an item whose server cannot be asked.
type silent struct {
	item kind.Item
	sink kind.Sink
	why  error

	image string
}

func (s *silent) Take(context.Context) error { return nil }

func (s *silent) Finish(ctx context.Context) (kind.Part, error) {
	object, err := content.PutJSON(ctx, s.sink, metaObject, meta{Image: s.image})
	if err != nil {
		return kind.Part{}, err
	}
	return kind.Part{
		ID: s.item.ID, Needs: s.item.Needs, RunsIn: s.item.RunsIn, Claims: s.item.Claims, Objects: []kind.Object{object}, Facts: kind.Stream(nil),
		Gaps: []kind.Gap{{Part: s.item.ID, What: "facts and dump", Why: s.why.Error() + "; " + physical(s.item)}},
	}, nil
}

func (s *silent) Close() error { return nil }
