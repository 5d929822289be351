package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dogear/kind"
)

// A database is restored beside the live one, compared with the dump, and then
// takes its name in one transaction. The old one keeps its files, under a name
// of its own that lets nobody in, until the next restore or until nothing can
// be undone with it: whatever was written up to that moment is in it.

// swapTime is how long the sessions of a database are cut off until it lets
// itself be renamed.
const swapTime = 30 * time.Second

// kept and staged are names of databases beside the one that is restored.
func (r *restoration) kept() string   { return named(r.database, keptSuffix) }
func (r *restoration) staged() string { return named(r.database, stagedSuffix) }

// longestName is how many bytes the name of a database may have.
const longestName = 63

// named shortens a name for a suffix; two long names must not become one.
func named(database, suffix string) string {
	if len(database)+len(suffix) <= longestName {
		return database + suffix
	}
	sum := kind.Sum([]byte(database)).String()[:12]
	return database[:longestName-len(suffix)-len(sum)] + sum + suffix
}

// exchange restores the whole database.
func (r *restoration) exchange(ctx context.Context) error {
	if err := r.heal(ctx); err != nil {
		return wrap("clear away what an earlier restore left", err)
	}
	there, err := r.exists(ctx, r.kept())
	if err != nil {
		return err
	}
	if r.part.Back && there {
		return r.swapBack(ctx)
	}
	if !r.meta.Dump {
		return errors.New(withoutDump)
	}
	err = r.stage(ctx)
	if err == nil {
		err = r.swap(ctx)
	}
	if err != nil {
		return errors.Join(err, r.clear(context.WithoutCancel(ctx)))
	}
	return nil
}

// heal takes away what a killed restore has left: a database that was being
// loaded, and the closed door of the live one.
func (r *restoration) heal(ctx context.Context) error {
	if err := r.drop(ctx, r.staged()); err != nil {
		return err
	}
	if err := r.drop(ctx, named(r.database, keptSuffix+"2")); err != nil {
		return err
	}
	there, err := r.exists(ctx, r.database)
	if err != nil || !there {
		return err
	}
	return r.exec(ctx, r.allow(r.database, true))
}

func (r *restoration) clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, swapTime)
	defer cancel()
	return wrap("drop what was loaded", r.drop(ctx, r.staged()))
}

func (r *restoration) exists(ctx context.Context, database string) (there bool, err error) {
	err = r.conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", database).Scan(&there)
	return there, wrap("look for databases", err)
}

func (r *restoration) exec(ctx context.Context, sql string) error {
	_, err := r.conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

// drop drops a database of ours.
func (r *restoration) drop(ctx context.Context, database string) error {
	there, err := r.exists(ctx, database)
	if err != nil || !there {
		return err
	}
	if err := r.cutOff(ctx, database); err != nil {
		return err
	}
	return r.insist(ctx, database, func() error { return r.exec(ctx, "drop database "+quoteName(database)) })
}

func (r *restoration) allow(database string, yes bool) string {
	return fmt.Sprintf("alter database %s allow_connections %t", quoteName(database), yes)
}

// swap gives the staged database the name of the live one, which is kept.
func (r *restoration) swap(ctx context.Context) error {
	there, err := r.exists(ctx, r.database)
	if err != nil {
		return err
	}
	if !there {
		return wrap("rename the database", r.exec(ctx, rename(r.staged(), r.database)))
	}
	old, err := r.exists(ctx, r.kept())
	if err != nil {
		return err
	}
	older := named(r.database, keptSuffix+"2")
	var renames []string
	if old {
		renames = append(renames, rename(r.kept(), older))
	}
	renames = append(renames, rename(r.database, r.kept()), rename(r.staged(), r.database))
	if err := r.exchangeNames(ctx, renames...); err != nil {
		return err
	}
	return wrap("drop what an earlier restore has kept", r.drop(ctx, older))
}

// swapBack exchanges the live database and the one that was kept.
func (r *restoration) swapBack(ctx context.Context) error {
	there, err := r.exists(ctx, r.database)
	if err != nil {
		return err
	}
	var steps []string
	if there {
		steps = append(steps, rename(r.database, r.staged()))
	}
	steps = append(steps, rename(r.kept(), r.database), r.allow(r.database, true))
	if there {
		steps = append(steps, rename(r.staged(), r.kept()))
	}
	return r.exchangeNames(ctx, steps...)
}

// takeAway keeps the live database under another name, and puts none in its
// place.
func (r *restoration) takeAway(ctx context.Context) error {
	if err := r.heal(ctx); err != nil {
		return err
	}
	if err := r.drop(ctx, r.kept()); err != nil {
		return err
	}
	return r.exchangeNames(ctx, rename(r.database, r.kept()))
}

func rename(from, to string) string {
	return "alter database " + quoteName(from) + " rename to " + quoteName(to)
}

// exchangeNames keeps everybody out of the live database, and renames in one
// transaction. If that fails the door is open again.
func (r *restoration) exchangeNames(ctx context.Context, steps ...string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, swapTime)
	defer cancel()
	there, err := r.exists(ctx, r.database)
	if err != nil {
		return err
	}
	if there {
		if err := r.cutOff(ctx, r.database); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				reopen, cancel := context.WithTimeout(context.WithoutCancel(ctx), swapTime)
				defer cancel()
				err = errors.Join(err, r.reopen(reopen))
			}
		}()
	}
	if err := r.endSessions(ctx, r.staged(), r.kept()); err != nil {
		return err
	}
	return wrap("exchange the databases", r.insist(ctx, r.database, func() error { return r.inTransaction(ctx, steps) }))
}

// reopen lets clients in again, over a connection of its own if need be.
func (r *restoration) reopen(ctx context.Context) error {
	if err := r.exec(ctx, r.allow(r.database, true)); err == nil {
		return nil
	}
	conn, err := r.way.connect(ctx, r.conn.Config().Database)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	_, err = conn.Exec(ctx, r.allow(r.database, true))
	return err
}

func (r *restoration) inTransaction(ctx context.Context, steps []string) error {
	return pgx.BeginFunc(ctx, r.conn, func(tx pgx.Tx) error {
		for _, step := range steps {
			if _, err := tx.Exec(ctx, step, pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
		}
		return nil
	})
}

// cutOff lets nobody in any more, and ends the sessions that there are.
func (r *restoration) cutOff(ctx context.Context, database string) error {
	if err := r.exec(ctx, r.allow(database, false)); err != nil {
		return wrap("keep clients out", err)
	}
	return r.endSessions(ctx, database)
}

func (r *restoration) endSessions(ctx context.Context, databases ...string) error {
	_, err := r.conn.Exec(ctx, `select pg_terminate_backend(pid) from pg_stat_activity
where datname = any($1::text[]) and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker'`, databases)
	return wrap("end the sessions of clients", err)
}

// insist tries until the sessions of a database have ended: a pool of clients
// may have come in just before the door was closed.
func (r *restoration) insist(ctx context.Context, database string, try func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if !hasCode(err, "55006") { // object_in_use
			return err
		}
		if err := r.endSessions(ctx, database); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-tick.C:
		}
	}
}

func quoteName(s string) string { return pgx.Identifier{s}.Sanitize() }
