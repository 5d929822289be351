package mysql

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"dogear/internal/content"
	"dogear/kind"
)

// Names of the driver's private objects.
const (
	metaObject        = "meta"
	definitionsObject = "definitions"
	belongingsObject  = "belongings"
	rowsPrefix        = "table/"
)

// meta is what the driver keeps about a part for itself.
type meta struct {
	Format   int    `json:"format"`
	Running  bool   `json:"running"`
	Version  string `json:"version,omitempty"`
	MariaDB  bool   `json:"mariadb,omitempty"`
	Database string `json:"database,omitempty"`
	Size     int64  `json:"size,omitempty"`
	// Dump says that the rows of all tables are in the part.
	Dump bool `json:"dump,omitempty"`
	// Memory says that there is something that no file holds.
	Memory bool `json:"memory,omitempty"`
	// Address is where the server was, if it was in no container.
	Address string `json:"address,omitempty"`
}

// holdTime is how long the workspace may stay frozen for all that Hold does.
const holdTime = 15 * time.Second

// capture is the capture of one item of a server that runs.
type capture struct {
	ws     *kind.Workspace
	item   kind.Item
	sink   kind.Sink
	server *server
	link   *link
	dump   bool

	view *view
	gaps []kind.Gap

	mu      sync.Mutex
	objects []kind.Object // guarded by mu
	read    int64         // guarded by mu
}

var _ kind.Holder = (*capture)(nil)

// Open begins a capture. An item whose server cannot be asked is captured
// without facts, as its files are captured with the tree they are in.
func (d *Driver) Open(ctx context.Context, ws *kind.Workspace, item kind.Item, sink kind.Sink) (kind.Capture, error) {
	s, l, err := d.reach(ctx, ws, item)
	if errors.Is(err, kind.ErrNotRunning) {
		return &silent{item: item, sink: sink, why: err}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := isThere(ctx, l, databaseOf(item.ID)); err != nil {
		l.hangUp()
		return nil, err
	}
	return &capture{ws: ws, item: item, sink: sink, server: s, link: l}, nil
}

// isThere returns kind.ErrGone for a database that is not.
func isThere(ctx context.Context, l *link, database string) error {
	if database == "" {
		return nil
	}
	conn, err := l.session(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if _, err = conn.ExecContext(ctx, "USE "+name(database)); isError(err, errUnknownDatabase) {
		return kind.ErrGone
	}
	return wrap("use the database", err)
}

// Hold fixes the instant. The writers are frozen or stopped by now.
func (c *capture) Hold(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, holdTime)
	defer cancel()
	var err error
	c.view, err = begin(ctx, c.link, c.database(), locked)
	return err
}

// Take has nothing to do: the transaction is open, and the server may be
// frozen.
func (c *capture) Take(context.Context) error {
	if c.view == nil {
		return errors.New("no transaction is open")
	}
	return nil
}

// Finish reads facts and dump from the transaction, and ends it: a server
// that is asked to stop next may wait for its clients to leave.
func (c *capture) Finish(ctx context.Context) (kind.Part, error) {
	defer c.hangUp()
	c.dump = c.wantsDump()
	c.view.proofs = loadProofs(c.ws, c.item.ID, c.server.run)
	facts, err := c.view.facts(ctx, c.ws.Redact, c)
	if err != nil {
		return kind.Part{}, err
	}
	if err := c.view.proofs.Save(); err != nil {
		return kind.Part{}, err
	}
	if err := c.dumpDefinitions(ctx); err != nil {
		return kind.Part{}, err
	}
	if err := c.describe(ctx); err != nil {
		return kind.Part{}, err
	}
	for _, g := range c.view.gaps {
		c.gap(g.What, g.Why)
	}
	slices.SortFunc(c.objects, func(a, b kind.Object) int { return strings.Compare(a.Name, b.Name) })
	return kind.Part{
		ID: c.item.ID, Needs: c.item.Needs, RunsIn: c.item.RunsIn, Claims: c.item.Claims, Objects: c.objects, Held: c.view.held, Transaction: true,
		Read: c.read, Gaps: c.gaps, Facts: kind.Stream(facts),
	}, nil
}

// describe stores the driver's own objects.
func (c *capture) describe(ctx context.Context) error {
	m := meta{
		Running: true, Database: c.database(), Address: c.server.where(), Size: c.view.size, Version: c.link.version, MariaDB: c.link.mariadb, Dump: c.dump,
	}
	var private any
	private, object := c.view.definitions, definitionsObject
	if c.database() == "" {
		b, err := readServer(ctx, c.view.conns[0], c.link)
		if err != nil {
			return err
		}
		m.Memory = len(b.Variables) > 0
		private, object = b, belongingsObject
	} else {
		for _, t := range c.view.definitions.Tables {
			m.Memory = m.Memory || t.isMemory()
		}
	}
	for _, o := range []struct {
		name string
		v    any
	}{{metaObject, m}, {object, private}} {
		stored, err := content.PutJSON(ctx, c.sink, o.name, o.v)
		if err != nil {
			return err
		}
		c.objects = append(c.objects, stored)
	}
	return nil
}

// Close ends the transaction, also if the server is frozen.
func (c *capture) Close() error {
	c.hangUp()
	return nil
}

func (c *capture) hangUp() {
	if c.view != nil {
		c.view.close()
	}
	c.link.hangUp()
}

func (c *capture) database() string { return databaseOf(c.item.ID) }

func (c *capture) gap(what, why string) {
	c.gaps = append(c.gaps, kind.Gap{Part: c.item.ID, What: what, Why: why})
}

// silent is the capture of an item whose server cannot be asked.
type silent struct {
	item kind.Item
	sink kind.Sink
	why  error
}

func (s *silent) Take(context.Context) error { return nil }

func (s *silent) Finish(ctx context.Context) (kind.Part, error) {
	object, err := content.PutJSON(ctx, s.sink, metaObject, meta{})
	if err != nil {
		return kind.Part{}, err
	}
	return kind.Part{
		ID: s.item.ID, Objects: []kind.Object{object}, Facts: kind.Stream(nil),
		Gaps: []kind.Gap{{Part: s.item.ID, What: "facts and dump", Why: s.why.Error() + "; " + physical(s.item)}},
	}, nil
}

func (s *silent) Close() error { return nil }
