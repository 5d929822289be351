package postgres

import (
	"context"

	"dogear/kind"
)

var _ kind.Foreseer = (*capture)(nil)

// Foresee reads the rows while everything runs: what no transaction changes until
// Finish is not read again then (see proofs), when the clients are down and wait.
// What the facts will be it cannot tell.
func (c *capture) Foresee(ctx context.Context) (kind.Part, bool, error) {
	if c.database() == "" || c.ws.Cache == nil {
		return kind.Part{}, false, nil
	}
	ahead := &capture{ws: c.ws, item: c.item, sink: c.sink, server: c.server, conn: c.conn, way: c.way}
	err := ahead.readAhead(ctx)
	if _, failed := c.conn.Exec(ctx, "rollback"); err == nil {
		err = failed
	}
	return kind.Part{}, false, err
}

// CameTrue implements kind.Foreseer.
func (*capture) CameTrue() (kind.Interval, bool) { return kind.Interval{}, false }

func (c *capture) readAhead(ctx context.Context) (err error) {
	if c.session, err = c.way.begin(ctx, c.conn); err != nil {
		return err
	}
	c.dump = c.wantsDump()
	if err := c.prove(ctx); err != nil || c.session.proofs.state == "" {
		return err
	}
	if err := c.session.copyRelations(ctx, c.keep(ctx), c.reads); err != nil {
		return err
	}
	return c.session.proofs.note(c.session.relations, c.objects())
}
