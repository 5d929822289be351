package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"dogear/internal/content"
)

// restoreServer makes roles, who belongs to them, their settings and the
// tablespaces what the dump says. All but tablespaces is one transaction.
func (r *restoration) restoreServer(ctx context.Context) error {
	object, ok := r.part.Object(globalsObject)
	if !ok {
		return errors.New(withoutDump)
	}
	var roles, spaces []statement
	script := newScript(content.Open(ctx, r.source, object))
	for {
		st, err := script.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the dump: %w", err)
		}
		switch {
		case st.sql == "" || isSetting(st.sql):
		case strings.Contains(st.sql, " TABLESPACE "):
			spaces = append(spaces, st)
		default:
			roles = append(roles, st)
		}
	}
	err := pgx.BeginFunc(ctx, r.conn, func(tx pgx.Tx) error {
		if err := r.forget(ctx); err != nil {
			return err
		}
		for _, st := range roles {
			if err := r.runGlobal(ctx, st); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, st := range spaces {
		if err := r.exec(ctx, st.sql); err != nil && !hasCode(err, "42710") {
			return wrap("create a tablespace", err)
		}
	}
	return nil
}

var createsRole = regexp.MustCompile(`^CREATE ROLE ("(?:[^"]|"")+")`)

// runGlobal runs a statement about a role. What it says may be secret, and is
// in no error.
func (r *restoration) runGlobal(ctx context.Context, st statement) error {
	if m := createsRole.FindStringSubmatch(st.sql); m != nil {
		var there bool
		if err := r.conn.QueryRow(ctx, "select exists (select from pg_roles where rolname = $1)", unquoted(m[1])).Scan(&there); err != nil || there {
			return err
		}
	}
	if err := r.exec(ctx, st.sql); err != nil {
		words := strings.Fields(st.sql)
		return fmt.Errorf("%s: %w", strings.ToLower(strings.Join(words[:min(3, len(words))], " ")), err)
	}
	return nil
}

// forget takes away what the dump does not say: settings of roles, who belongs
// to them, and roles that own nothing.
func (r *restoration) forget(ctx context.Context) error {
	known := r.target.facts()
	settings, err := r.strings(ctx, `select format('alter role %I reset all', r.rolname) from pg_db_role_setting s
join pg_roles r on r.oid = s.setrole where s.setdatabase = 0`)
	if err != nil {
		return wrap("look for settings of roles", err)
	}
	for _, reset := range settings {
		if err := r.exec(ctx, reset); err != nil {
			return wrap("reset settings", err)
		}
	}
	for _, q := range []struct{ query, doing string }{
		{`select format('role %I in %I', pg_get_userbyid(member), pg_get_userbyid(roleid)), format('revoke %I from %I', pg_get_userbyid(roleid), pg_get_userbyid(member))
from pg_auth_members where pg_get_userbyid(member) !~ '^pg_' order by 1`, "take back membership"},
		{`select format('role %I', rolname), format('drop role %I', rolname) from pg_roles where rolname !~ '^pg_' and oid <> 10 order by 1`, "drop a role"},
	} {
		if err := r.forgetSome(ctx, known, q.query, q.doing); err != nil {
			return err
		}
	}
	return nil
}

func (r *restoration) forgetSome(ctx context.Context, known map[string]string, query, doing string) error {
	rows, err := r.conn.Query(ctx, query)
	if err != nil {
		return wrap("look for what is to go", err)
	}
	type thing struct{ fact, drop string }
	things, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t thing, err error) { return t, row.Scan(&t.fact, &t.drop) })
	if err != nil {
		return wrap("look for what is to go", err)
	}
	for _, t := range things {
		if isKnown(known, t.fact) {
			continue
		}
		err := r.exec(ctx, "savepoint one; "+t.drop+"; release one")
		switch {
		case err == nil:
		case hasCode(err, "2BP01"), hasCode(err, "55006"), hasCode(err, "0LP01"): // something depends on it: the facts tell
			if err := r.exec(ctx, "rollback to one; release one"); err != nil {
				return err
			}
		default:
			return wrap(doing, err)
		}
	}
	return nil
}

// isKnown looks for a fact, whoever granted what it says.
func isKnown(facts map[string]string, name string) bool {
	if _, ok := facts[name]; ok {
		return true
	}
	for fact := range facts {
		if strings.HasPrefix(fact, name+" by ") {
			return true
		}
	}
	return false
}
