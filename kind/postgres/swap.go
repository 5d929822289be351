package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// A database is restored beside the live one, compared with the dump, and then
// takes its name in one transaction. The old one keeps its files, under a name
// of its own that lets nobody in, until the next restore or until nothing can
// be undone with it: whatever was written up to that moment is in it. That name
// says of which restore it is, and so whether that has come to this step.

// swapTime is how long the sessions of a database are cut off until it lets
// itself be renamed.
const swapTime = 30 * time.Second

// exchange restores the whole database.
func (r *restoration) exchange(ctx context.Context) error {
	if err := r.heal(ctx); err != nil {
		return wrap("clear away what an earlier restore left", err)
	}
	// Once more after it was interrupted, and what was kept would be gone.
	if done, err := r.keptFor(ctx, r.ws.Safety); done || err != nil {
		return err
	}
	back, err := r.keptFor(ctx, r.part.Back)
	switch {
	case err != nil:
		return err
	case back:
		return r.swapBack(ctx)
	case r.isTakenBack():
		if there, err := r.exists(ctx, r.database); there || err != nil {
			return err // it never came to the exchange
		}
	}
	return r.loadAndSwap(ctx)
}

func (r *restoration) loadAndSwap(ctx context.Context) error {
	if !r.meta.Dump {
		return errors.New(withoutDump)
	}
	err := r.stage(ctx)
	if err == nil {
		err = r.swap(ctx)
	}
	if err != nil {
		return errors.Join(err, r.clear(context.WithoutCancel(ctx)))
	}
	return nil
}

// isTakenBack reports whether a restore is being taken back that was not
// finished: what is live is what was there before, unless it was exchanged.
func (r *restoration) isTakenBack() bool { return r.part.Back != "" && r.ws.Safety == "" }

// keptFor reports whether a restore has kept the database, by the name of its
// safety snapshot.
func (r *restoration) keptFor(ctx context.Context, safety string) (bool, error) {
	if safety == "" {
		return false, nil
	}
	return r.exists(ctx, keptName(r.database, safety))
}

// heal takes away what a killed restore has left: a database that was being
// loaded, and the closed door of the live one.
func (r *restoration) heal(ctx context.Context) error {
	if err := r.drop(ctx, r.staged()); err != nil {
		return err
	}
	var closed bool
	err := r.conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1 and not datallowconn)", r.database).Scan(&closed)
	if err != nil || !closed {
		return err
	}
	return r.exec(ctx, r.allow(r.database, true))
}

func (r *restoration) clear(ctx context.Context) error {
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

func (r *restoration) allow(database string, yes bool) string {
	return fmt.Sprintf("alter database %s allow_connections %t", quoteName(database), yes)
}

// swap gives the staged database the name of the live one, which is kept.
func (r *restoration) swap(ctx context.Context) error {
	there, err := r.exists(ctx, r.database)
	if err != nil {
		return err
	}
	// Who looks into every database of a server has found this one, too.
	if err := r.cutOff(ctx, r.staged()); err != nil {
		return err
	}
	steps := []string{rename(r.staged(), r.database), r.allow(r.database, true)}
	if !there {
		return r.exchangeNames(ctx, steps...)
	}
	return r.keep(ctx, steps...)
}

// swapBack exchanges the live database, if there is one, and that which was
// kept for the part.
func (r *restoration) swapBack(ctx context.Context) error {
	back := []string{rename(keptName(r.database, r.part.Back), r.database), r.allow(r.database, true)}
	there, err := r.exists(ctx, r.database)
	if err != nil {
		return err
	}
	if !there {
		return r.exchangeNames(ctx, back...)
	}
	return r.keep(ctx, back...)
}

// takeAway keeps the live database under another name, and puts none in its
// place.
func (r *restoration) takeAway(ctx context.Context) error {
	if err := r.heal(ctx); err != nil {
		return err
	}
	return r.keep(ctx)
}

// keep keeps the live database for the restore that is going on, in one step
// with what puts another in its place. What earlier restores have kept goes.
func (r *restoration) keep(ctx context.Context, steps ...string) error {
	older, err := r.allKept(ctx)
	if err != nil {
		return err
	}
	name := keptName(r.database, r.ws.Safety)
	if slices.Contains(older, name) { // of none that is known
		if err := r.drop(ctx, name); err != nil {
			return err
		}
	}
	if err := r.exchangeNames(ctx, append([]string{rename(r.database, name)}, steps...)...); err != nil {
		return err
	}
	for _, old := range older {
		if old != name {
			if err := r.drop(ctx, old); err != nil {
				return wrap("drop what an earlier restore has kept", err)
			}
		}
	}
	return nil
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
