package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dogear/kind"
)

// MariaDB has no RENAME DATABASE. Tables are loaded into a database beside,
// compared, and exchanged for the live ones by renaming: in one statement the
// live ones move away and the new ones in, under names that nobody knows; they
// get their triggers there (a table that has some cannot leave its database)
// and then, in one statement, their names.

// ownPrefix begins the names of what a restore makes for itself.
const ownPrefix = "dogear_restore_"

func (r *restoration) newDatabase() string { return ownPrefix + "new_" + short(r.database) }
func (r *restoration) oldDatabase() string { return ownPrefix + "old_" + short(r.database) }

// hidden is the name of a table that waits for its triggers.
func hidden(table string) string { return ownPrefix + short(table) }

func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

// references lists the tables of the same database that foreign keys name.
func (t *table) references() []string {
	var found []string
	for _, m := range reference.FindAllStringSubmatch(t.Create, -1) {
		found = append(found, strings.ReplaceAll(m[1], "``", "`"))
	}
	return found
}

var reference = regexp.MustCompile("REFERENCES `((?:[^`]|``)*)` \\(")

// run restores the database.
func (r *restoration) run(ctx context.Context) (err error) {
	if left, err := r.heal(ctx); err != nil || left {
		if err != nil {
			return wrap("clear away what an earlier restore left", err)
		}
		r.shared = nil // it was not the whole database that was seen
	}
	change, err := r.preview(ctx)
	switch {
	case err != nil:
		return err
	case change.Action == kind.ActionNone:
		return nil
	case len(change.Conflicts) > 0:
		return errors.New(strings.Join(change.Conflicts, "; "))
	}
	created := r.live == nil
	defer func() {
		if err != nil {
			err = r.takeBack(context.WithoutCancel(ctx), err, created)
		}
	}()
	if created {
		if err := r.exec(ctx, "CREATE DATABASE "+name(r.database)+" "+r.target.Options); err != nil {
			return wrap("create the database", err)
		}
		r.live = &definitions{Options: r.target.Options}
	}
	if err := r.stage(ctx); err != nil {
		return err
	}
	if err := r.swap(ctx); err != nil {
		return err
	}
	if err := r.confirm(ctx); err != nil {
		return err
	}
	return wrap("drop what was exchanged", r.clear(ctx))
}

// swap exchanges the tables and then everything that is no table.
func (r *restoration) swap(ctx context.Context) error {
	if err := r.exec(ctx, "USE "+name(r.database)); err != nil {
		return err
	}
	if err := r.dropTriggers(ctx); err != nil {
		return err
	}
	if err := r.exchange(ctx); err != nil {
		return wrap("exchange tables", err)
	}
	if r.only != nil {
		return nil
	}
	if r.live.Options != r.target.Options {
		if err := r.exec(ctx, "ALTER DATABASE "+name(r.database)+" "+r.target.Options); err != nil {
			return wrap("alter the database", err)
		}
	}
	if err := r.putSequences(ctx, r.live, r.target); err != nil {
		return err
	}
	if err := r.putPrograms(ctx, r.live.Programs, r.target.Programs); err != nil {
		return err
	}
	return r.putGrants(ctx, r.target.Grants)
}

// concernsTrigger reports whether a trigger goes with a table that is
// exchanged.
func (r *restoration) concernsTrigger(p program) bool {
	return p.Type == "trigger" && (slices.Contains(r.leaving, p.On) ||
		slices.ContainsFunc(r.swapped, func(t *table) bool { return t.Name == p.On }))
}

func (r *restoration) dropTriggers(ctx context.Context) error {
	for _, p := range r.live.Programs {
		if r.concernsTrigger(p) {
			if err := r.drop(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *restoration) exchange(ctx context.Context) error {
	var away, in, final []string
	for _, t := range r.leaving {
		away = append(away, fmt.Sprintf("%s.%s TO %s.%s", name(r.database), name(t), name(r.oldDatabase()), name(t)))
	}
	for _, t := range r.swapped {
		in = append(in, fmt.Sprintf("%s.%s TO %s.%s", name(r.newDatabase()), name(t.Name), name(r.database), name(hidden(t.Name))))
		final = append(final, fmt.Sprintf("%s TO %s", name(hidden(t.Name)), name(t.Name)))
	}
	if len(away)+len(in) == 0 {
		return nil
	}
	r.moved = true
	if err := r.rename(ctx, append(away, in...)); err != nil {
		r.moved = false // all or nothing
		return err
	}
	if err := r.requireUnwritten(ctx); err != nil {
		return err
	}
	for _, p := range r.target.Programs {
		if r.concernsTrigger(p) {
			if err := r.create(ctx, p, hidden(p.On)); err != nil {
				return fmt.Errorf("create trigger %s: %w", p.Name, err)
			}
		}
	}
	if len(final) == 0 {
		return nil
	}
	return r.rename(ctx, final)
}

// errWritten ends a restore that would lose what nobody has captured.
var errWritten = errors.New("was written to meanwhile, after the safety snapshot: end what writes to it and try again")

// requireUnwritten makes sure that the tables that have moved away, where nobody
// finds them any more, are what they were when they were compared.
func (r *restoration) requireUnwritten(ctx context.Context) error {
	if len(r.leaving) == 0 {
		return nil
	}
	moved, err := r.read(ctx, r.oldDatabase())
	if err != nil {
		return wrap("look at what is exchanged", err)
	}
	for _, t := range moved.Tables {
		if before := r.live.table(t.Name); before != nil && before.Sum != "" && t.Sum != "" && before.Sum != t.Sum {
			return fmt.Errorf("table %s %w", t.Name, errWritten)
		}
	}
	return nil
}

// insistTries is how often clients are cut off that keep tables for themselves.
const insistTries = 10

// rename renames tables, all or none.
func (r *restoration) rename(ctx context.Context, list []string) error {
	return r.insist(ctx, func() error { return r.exec(ctx, waitForLocks(lockTime), "RENAME TABLE "+strings.Join(list, ", ")) })
}

// insist does something for which a client in the middle of a transaction
// must let go of a table: it is cut off.
func (r *restoration) insist(ctx context.Context, f func() error) (err error) {
	for range insistTries {
		if err := r.cutOff(ctx); err != nil {
			return err
		}
		if err = f(); !isError(err, errLockWait) {
			break
		}
	}
	return errors.Join(lockedBy(ctx, r.conn, toWrite, err), r.exec(ctx, waitForLocks(patientLockTime)))
}

// cutOff ends the sessions of others that use the database.
func (r *restoration) cutOff(ctx context.Context) error {
	var ids []string
	err := each(ctx, r.conn, "SELECT ID FROM information_schema.processlist WHERE DB = ? AND ID <> CONNECTION_ID()", func(row []sql.NullString) error {
		ids = append(ids, row[0].String)
		return nil
	}, r.database)
	for _, id := range ids {
		if err == nil {
			if err = r.exec(ctx, "KILL "+id); isError(err, errNoThread) {
				err = nil
			}
		}
	}
	return wrap("cut off clients", err)
}
