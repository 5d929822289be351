package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dogear/kind"
)

// previewServer compares accounts and variables with those of a part.
func previewServer(ctx context.Context, l *link, part kind.Part, source kind.Source) (kind.Change, error) {
	conn, have, want, err := bothServers(ctx, l, part, source)
	if err != nil {
		return kind.Change{}, err
	}
	defer closeConn(conn)
	change := kind.Change{Action: kind.ActionNone}
	for _, o := range slices.Concat(have.without(want), want.without(have)) {
		change.Action = kind.ActionPatch
		change.Details = append(change.Details, "account "+o.Name)
	}
	if !maps.Equal(have.Variables, want.Variables) {
		change.Action = kind.ActionPatch
		change.Details = append(change.Details, "variables")
	}
	return change, nil
}

// bothServers reads what a server has beside databases, and had.
func bothServers(ctx context.Context, l *link, part kind.Part, source kind.Source) (conn *sql.Conn, have, want *belongings, err error) {
	want = &belongings{}
	if err := read(ctx, part, source, belongingsObject, want); err != nil {
		return nil, nil, nil, err
	}
	if conn, err = l.session(ctx); err != nil {
		return nil, nil, nil, err
	}
	if have, err = readServer(ctx, conn, l); err != nil {
		closeConn(conn)
		return nil, nil, nil, err
	}
	return conn, have, want, nil
}

// without lists the accounts that another server does not have just so.
func (b *belongings) without(other *belongings) []owner {
	var found []owner
	for _, o := range b.Accounts {
		if !slices.ContainsFunc(other.Accounts, o.same) {
			found = append(found, o)
		}
	}
	return found
}

func (o owner) same(other owner) bool {
	return o.Name == other.Name && o.Create == other.Create &&
		slices.Equal(slices.Sorted(slices.Values(o.Grants)), slices.Sorted(slices.Values(other.Grants)))
}

// restoreServer makes the accounts those of the part, and sets its variables.
// The account that does it is altered, not replaced.
func restoreServer(ctx context.Context, l *link, part kind.Part, source kind.Source) error {
	conn, have, want, err := bothServers(ctx, l, part, source)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if err := replaceAccounts(ctx, conn, have, want); err != nil {
		return err
	}
	return setVariables(ctx, conn, have, want)
}

func replaceAccounts(ctx context.Context, conn *sql.Conn, have, want *belongings) error {
	differing, missing := have.without(want), want.without(have)
	if len(differing)+len(missing) == 0 {
		return nil
	}
	var self string
	if err := conn.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&self); err != nil {
		return wrap("ask who we are", err)
	}
	self = account(self)
	for _, o := range differing {
		if o.Name == self {
			continue
		}
		if _, err := conn.ExecContext(ctx, "DROP "+strings.ToUpper(o.word())+" "+o.Name); err != nil {
			return fmt.Errorf("drop account %s: %w", o.Name, err)
		}
	}
	for _, o := range missing {
		statement := o.Create
		if o.Name == self {
			statement = "ALTER" + strings.TrimPrefix(statement, "CREATE")
		}
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("create account %s: %w", o.Name, withoutStatement(err))
		}
	}
	for _, o := range want.Accounts { // those of roles that were replaced, too
		for _, grant := range o.Grants {
			if _, err := conn.ExecContext(ctx, grant); err != nil {
				return fmt.Errorf("grant to %s: %w", o.Name, withoutStatement(err))
			}
		}
	}
	return nil
}

// withoutStatement shortens an error of the server that may quote a password.
func withoutStatement(err error) error {
	if text, _, found := strings.Cut(err.Error(), " near '"); found {
		return fmt.Errorf("%s", text)
	}
	return err
}

// putVariablesBack sets the variables that were set while the server ran.
func (d *Driver) putVariablesBack(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	_, l, err := d.reach(ctx, ws, part.Item())
	if err != nil {
		return err
	}
	defer l.hangUp()
	conn, have, want, err := bothServers(ctx, l, part, source)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	return setVariables(ctx, conn, have, want)
}

func setVariables(ctx context.Context, conn *sql.Conn, have, want *belongings) error {
	for _, n := range slices.Sorted(maps.Keys(want.Variables)) {
		v := want.Variables[n]
		if have.Variables[n] == v {
			continue
		}
		var err error
		if v.Number {
			_, err = conn.ExecContext(ctx, "SET GLOBAL "+name(n)+" = "+v.Value)
		} else {
			_, err = conn.ExecContext(ctx, "SET GLOBAL "+name(n)+" = ?", v.Value)
		}
		if err != nil {
			return wrap("set variable "+n, err)
		}
	}
	return nil
}
