package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// errLocked is a table that could not be had in time, as somebody else has it.
type errLocked struct {
	relation string
	err      error
}

func (e *errLocked) Error() string { return e.err.Error() }
func (e *errLocked) Unwrap() error { return e.err }

// lockedOut notes which relation could not be had.
func lockedOut(relation string, err error) error {
	if !hasCode(err, "55P03") { // lock_not_available
		return err
	}
	return &errLocked{relation: relation, err: err}
}

// nameHolders says who has what could not be had: what they run is theirs. The
// session that waited is of no use any more.
func nameHolders(ctx context.Context, locked *errLocked, connect func(context.Context) (*pgx.Conn, error)) error {
	conn, err := connect(ctx)
	if err != nil {
		return locked
	}
	defer hangUp(conn)
	var holders string
	err = conn.QueryRow(ctx, `
select coalesce(string_agg(distinct format('process %s of role %s%s, in a transaction since %s', a.pid, a.usename,
           case when a.application_name <> '' then ' (' || a.application_name || ')' else '' end, date_trunc('second', a.xact_start)), '; '), '')
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.relation = $1::text::regclass and l.granted and a.pid <> pg_backend_pid() and a.application_name <> $2`,
		locked.relation, applicationName).Scan(&holders)
	if err != nil || holders == "" {
		return locked
	}
	return fmt.Errorf("%w: %s is held by %s; have that end, and try again", locked.err, locked.relation, holders)
}
