package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Errors of the server, by number.
const (
	errNoColumn  = 1054
	errNoAccount = 1133
	errNoTable   = 1146
	errNoRoutine = 1305
	errNoRole    = 1959
)

// readGrants reads who may do what with what is in the database, as far as this
// account may know.
func (r *reader) readGrants(ctx context.Context, d *definitions) error {
	var accounts []string
	err := each(ctx, r.conn, `SELECT User, Host FROM mysql.tables_priv WHERE Db = ? UNION SELECT User, Host FROM mysql.procs_priv WHERE Db = ? ORDER BY 1, 2`, func(row []sql.NullString) error {
		accounts = append(accounts, accountName(row))
		return nil
	}, r.database, r.database)
	if err == nil {
		err = each(ctx, r.conn, "SELECT User, Host FROM mysql.user", func(row []sql.NullString) error {
			d.accounts = append(d.accounts, accountName(row))
			return nil
		})
	}
	if isServerError(err) {
		return nil
	}
	if err != nil {
		return wrap("list grants", err)
	}
	within := regexp.MustCompile("^GRANT .* ON (?:[A-Z ]+ )?" + regexp.QuoteMeta(name(r.database)) + "\\.`.* TO ")
	for _, account := range accounts {
		if err := each(ctx, r.conn, "SHOW GRANTS FOR "+account, func(row []sql.NullString) error {
			if within.MatchString(row[0].String) {
				d.Grants = append(d.Grants, row[0].String)
			}
			return nil
		}); err != nil && !isServerError(err) {
			return fmt.Errorf("read grants of %s: %w", account, err)
		}
	}
	slices.Sort(d.Grants)
	return nil
}

// accountName quotes a user and his host. A role has none.
func accountName(row []sql.NullString) string {
	if row[1].String == "" {
		return name(row[0].String)
	}
	return name(row[0].String) + "@" + name(row[1].String)
}

// misses reports whether somebody who has an account lacks one of some grants.
func (d *definitions) misses(grants []string) bool {
	return slices.ContainsFunc(lacking(grants, d.Grants), func(grant string) bool {
		_, who, _ := cutLast(strings.TrimSuffix(grant, " WITH GRANT OPTION"), " TO ")
		return slices.Contains(d.accounts, who)
	})
}

// putGrants grants again what went with what was made anew. Who has no account
// any more gets nothing.
func (r *restoration) putGrants(ctx context.Context, want []string) error {
	now := &definitions{}
	if err := (&reader{conn: r.conn, database: r.database}).readGrants(ctx, now); err != nil {
		return err
	}
	for _, grant := range lacking(want, now.Grants) {
		if err := r.exec(ctx, grant); err != nil && !isError(err, errNoAccount) && !isError(err, errNoRole) {
			return wrap("grant again what was granted", err)
		}
	}
	return nil
}

// grantsNothing reports whether a grant failed because what it is on is not there:
// the database to which that belongs brings it back, with its grants.
func grantsNothing(err error) bool {
	return isError(err, errNoTable) || isError(err, errNoRoutine) || isError(err, errNoColumn)
}
