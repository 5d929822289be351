package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// reconnect opens the session anew if it was ended: by somebody else, or
// because the server was too long without its disk.
func (r *restoration) reconnect(ctx context.Context) error {
	if err := r.conn.PingContext(ctx); err == nil {
		return nil
	}
	conn, err := r.session(ctx)
	if err != nil {
		return err
	}
	closeConn(r.conn)
	r.conn = conn
	return nil
}

// takeBack brings back what was there before a failure.
func (r *restoration) takeBack(ctx context.Context, cause error, created bool) error {
	if err := r.reconnect(ctx); err != nil {
		return errors.Join(cause, wrap("take back the restore, which the next one does", err))
	}
	if created {
		return errors.Join(cause, r.exec(ctx, "DROP DATABASE IF EXISTS "+name(r.database)), r.clear(ctx))
	}
	if r.moved {
		for _, t := range r.swapped {
			cause = errors.Join(cause, r.exec(ctx, "DROP TABLE IF EXISTS "+name(r.database)+"."+name(hidden(t.Name))+", "+name(r.database)+"."+name(t.Name)))
		}
	}
	if _, err := r.heal(ctx); err != nil {
		return errors.Join(cause, wrap("take back the restore", err))
	}
	r.moved = false
	return errors.Join(cause, wrap("take back the restore", r.takeProgramsBack(ctx)))
}

// takeProgramsBack makes everything but tables what it was.
func (r *restoration) takeProgramsBack(ctx context.Context) error {
	v, err := begin(ctx, r.link, r.database, unlocked)
	if err != nil {
		return err
	}
	v.close() // it would be in the way
	if err := r.exec(ctx, "USE "+name(r.database)); err != nil {
		return err
	}
	if v.definitions.Options != r.live.Options { // it takes a lock that others may keep from us
		if err := r.exec(ctx, "ALTER DATABASE "+name(r.database)+" "+r.live.Options); err != nil {
			return err
		}
	}
	if err := r.putSequences(ctx, v.definitions, r.live); err != nil {
		return err
	}
	if err := r.putPrograms(ctx, v.definitions.Programs, r.live.Programs); err != nil {
		return err
	}
	return r.putGrants(ctx, r.live.Grants)
}

// heal brings back the tables that a restore has moved away, and removes what
// it made, unless it had come to its end. It reports whether it changed the
// database.
func (r *restoration) heal(ctx context.Context) (changed bool, err error) {
	live, err := r.tablesIn(ctx, r.database)
	if err != nil {
		return false, err
	}
	old, err := r.tablesIn(ctx, r.oldDatabase())
	if err != nil {
		return false, err
	}
	for _, t := range live {
		if strings.HasPrefix(t, ownPrefix) {
			changed = true
			if err := r.exec(ctx, "DROP TABLE "+name(r.database)+"."+name(t)); err != nil {
				return changed, err
			}
		}
	}
	var back []string
	for _, t := range old {
		if !slices.Contains(live, t) {
			back = append(back, fmt.Sprintf("%s.%s TO %s.%s", name(r.oldDatabase()), name(t), name(r.database), name(t)))
		}
	}
	if len(back) > 0 {
		changed = true
		if err := r.exec(ctx, "RENAME TABLE "+strings.Join(back, ", ")); err != nil {
			return changed, err
		}
	}
	return changed, r.clear(ctx)
}

// clear removes what a restore has made for itself.
func (r *restoration) clear(ctx context.Context) error {
	return r.exec(ctx, "DROP DATABASE IF EXISTS "+name(r.newDatabase()), "DROP DATABASE IF EXISTS "+name(r.oldDatabase()))
}

func (r *restoration) tablesIn(ctx context.Context, database string) ([]string, error) {
	var names []string
	err := each(ctx, r.conn, `SELECT TABLE_NAME FROM information_schema.tables
WHERE TABLE_SCHEMA = ? AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')`, func(row []sql.NullString) error {
		names = append(names, row[0].String)
		return nil
	}, database)
	return names, wrap("list tables", err)
}
