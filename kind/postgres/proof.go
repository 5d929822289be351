package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"dogear/internal/rowproof"
	"dogear/kind"
)

// proofs know what the tables of a database were when they were read last.
//
// What a transaction sees is decided by its snapshot alone: which transactions
// had ended by then, and how. If a server that has not started anew since says
// that the snapshot is the same (the next number, and who of those before it
// still ran), then no transaction that could have changed a row has ended
// meanwhile, in any database. There is no such proof for one table: the
// server's counters come late, and are lost in a crash.
type proofs struct {
	*rowproof.Known
	// state stands for what the transaction sees. "": it cannot be told.
	state string
	// again adds rows that are stored to what is being captured, and reports
	// whether they still are. Nil: rows are not stored.
	again func(ctx context.Context, r *relation, known rowproof.Rows) (bool, error)
}

// stateQuery asks for the snapshot, and for which run of the server it is of. A
// crash restarts all processes but the first, and may take back transactions
// whose numbers are given out again; the checkpointer is one of those that start
// then. Who may not see it, or asks a standby, learns nothing.
const stateQuery = `
select coalesce(format('%%s %%s %%s %%s %%s',
       (select system_identifier from pg_control_system()),
       (select extract(epoch from backend_start) from pg_stat_activity where backend_type = 'checkpointer'),
       (select oid from pg_database where datname = current_database()), current_user, %s), '')
where not pg_is_in_recovery()
and exists (select 1 from pg_stat_activity where backend_type = 'checkpointer' and backend_start is not null)`

// prove asks for the state that the session sees, so that what is known of it
// is not read.
func (s *session) prove(ctx context.Context, known *rowproof.Known) error {
	snapshot := "pg_current_snapshot()"
	if s.version < 130000 {
		snapshot = "txid_current_snapshot()"
	}
	rows, err := s.conn.Query(ctx, fmt.Sprintf(stateQuery, snapshot))
	if err != nil {
		return wrap("ask for the state", err)
	}
	defer rows.Close()
	s.proofs.Known = known
	for rows.Next() {
		if err := rows.Scan(&s.proofs.state); err != nil {
			return wrap("ask for the state", err)
		}
	}
	return wrap("ask for the state", rows.Err())
}

// key stands for a relation as the transaction sees it.
func (p proofs) key(r *relation) string {
	if p.state == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%q", p.state, r.fact(), r.Columns))
	return hex.EncodeToString(sum[:16])
}

// recall reports whether the rows of a relation are known, and need not be read.
func (s *session) recall(ctx context.Context, r *relation) (bool, error) {
	known, ok := s.proofs.Of(s.proofs.key(r))
	if !ok || known.Sum == "" {
		return false, nil
	}
	if s.proofs.again != nil {
		if stored, err := s.proofs.again(ctx, r, known); err != nil || !stored {
			return false, err
		}
	}
	r.Sum = known.Sum
	return true, nil
}

// note notes what the tables are, and where their rows are stored.
func (p proofs) note(relations []relation, objects []kind.Object) error {
	for i := range relations {
		r := &relations[i]
		if !r.Populated || r.Sum == "" {
			continue
		}
		rows := rowproof.Rows{Sum: r.Sum}
		if n := slices.IndexFunc(objects, func(o kind.Object) bool { return o.Name == r.object() }); n >= 0 {
			rows.Object = &objects[n]
		}
		p.Note(p.key(r), rows)
	}
	return p.Save()
}

// prove has the capture read only what has changed. What is imported is in a
// database that is gone in a moment.
func (c *capture) prove(ctx context.Context) error {
	if c.database() == "" || c.from != "" || c.imported {
		return nil
	}
	c.session.proofs.again = c.again
	return c.session.prove(ctx, rowproof.Load(c.ws.Cache, c.item.ID))
}

// again captures the rows of a relation as they were captured before, if the
// store has all of them.
func (c *capture) again(ctx context.Context, r *relation, known rowproof.Rows) (bool, error) {
	if !c.stores(r.object()) {
		return true, nil
	}
	if known.Object == nil {
		return false, nil
	}
	there, err := c.sink.Known(ctx, known.Object.Chunks)
	if err != nil || slices.Contains(there, false) {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stored = append(c.stored, stored{Object: *known.Object})
	return true, nil
}
