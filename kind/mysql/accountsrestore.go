package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"regexp"
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
	change.Conflicts, err = notOurs(ctx, conn, have, want)
	return change, err
}

// roleGrant matches what grants a role, which names no object.
var roleGrant = regexp.MustCompile("^GRANT (`(?:[^`]|``)*`) TO ")

// notOurs names the roles that are to be granted or taken away, and that this
// account may not: that takes the role's admin option, whatever else one may.
func notOurs(ctx context.Context, conn *sql.Conn, have, want *belongings) ([]string, error) {
	var ours []string
	self := ""
	err := each(ctx, conn, "SELECT ROLE_NAME, CURRENT_USER() FROM information_schema.applicable_roles WHERE IS_GRANTABLE = 'YES' UNION SELECT NULL, CURRENT_USER()", func(row []sql.NullString) error {
		ours, self = append(ours, name(row[0].String)), row[1].String
		return nil
	})
	if isServerError(err) {
		return nil, nil // a server without roles
	}
	var conflicts []string
	for _, role := range have.rolesChanged(want) {
		if have.account(role) != nil && !slices.Contains(ours, role) {
			conflicts = append(conflicts, fmt.Sprintf("role %s can be granted and taken away only by who has it WITH ADMIN OPTION, and %s has not: grant it, or log in as who has", role, self))
		}
	}
	return conflicts, wrap("ask for roles", err)
}

// rolesChanged lists the roles that somebody has on one of two servers only.
func (b *belongings) rolesChanged(other *belongings) []string {
	var roles []string
	for _, o := range slices.Concat(b.Accounts, other.Accounts) {
		live, wanted := b.account(o.Name), other.account(o.Name)
		if live == nil {
			live = &owner{}
		}
		if wanted == nil {
			continue // it is dropped, whatever it has
		}
		for _, grant := range slices.Concat(lacking(live.Grants, wanted.Grants), lacking(wanted.Grants, live.Grants)) {
			if found := roleGrant.FindStringSubmatch(grant); found != nil {
				roles = append(roles, found[1])
			}
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
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
func restoreServer(ctx context.Context, l *link, part kind.Part, source kind.Source) error {
	conn, have, want, err := bothServers(ctx, l, part, source)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if conflicts, err := notOurs(ctx, conn, have, want); err != nil || len(conflicts) > 0 {
		return errors.Join(err, errors.New(strings.Join(conflicts, "; ")))
	}
	if len(have.without(want))+len(want.without(have)) > 0 {
		if err := putAccounts(ctx, conn, l, have, want); err != nil {
			return err
		}
	}
	return setVariables(ctx, conn, have, want)
}

// putAccounts makes the accounts those that are wanted. An account that is
// there is altered rather than replaced: it may be the one that does all this.
func putAccounts(ctx context.Context, conn *sql.Conn, l *link, have, want *belongings) error {
	for _, o := range have.Accounts {
		if want.account(o.Name) == nil {
			if _, err := conn.ExecContext(ctx, "DROP "+strings.ToUpper(o.word())+" "+o.Name); err != nil {
				return fmt.Errorf("drop account %s: %w", o.Name, err)
			}
		}
	}
	for _, o := range want.Accounts {
		statement := o.Create
		switch live := have.account(o.Name); {
		case live != nil && live.Create == o.Create:
			continue
		case live != nil:
			statement = "ALTER" + strings.TrimPrefix(statement, "CREATE")
		}
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("create account %s: %w", o.Name, withoutStatement(err))
		}
	}
	// What is missing first: to grant a role takes having it, which goes last.
	if err := changeGrants(ctx, conn, l, want, func(live, wanted []string) []string { return lacking(wanted, live) }); err != nil {
		return err
	}
	return changeGrants(ctx, conn, l, want, func(live, wanted []string) []string { return revocations(lacking(live, wanted)) })
}

// changeGrants runs for each account the statements that its grants, live and
// wanted, call for.
func changeGrants(ctx context.Context, conn *sql.Conn, l *link, want *belongings, statements func(live, wanted []string) []string) error {
	now, err := readServer(ctx, conn, l)
	if err != nil {
		return err
	}
	for _, o := range want.Accounts {
		live := now.account(o.Name)
		if live == nil {
			return fmt.Errorf("account %s is gone again", o.Name)
		}
		for _, statement := range statements(live.Grants, o.Grants) {
			if _, err := conn.ExecContext(ctx, statement); err != nil && !grantsNothing(err) {
				return fmt.Errorf("change what %s may: %w", o.Name, withoutStatement(err))
			}
		}
	}
	return nil
}

func (b *belongings) account(name string) *owner {
	i := slices.IndexFunc(b.Accounts, func(o owner) bool { return o.Name == name })
	if i < 0 {
		return nil
	}
	return &b.Accounts[i]
}

// lacking lists what is in one list and not in another.
func lacking(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// revocations turns grants into what takes them away.
func revocations(grants []string) []string {
	var statements []string
	for _, g := range grants {
		what, to, found := cutLast(strings.TrimPrefix(g, "GRANT "), " TO ")
		to, _, _ = strings.Cut(to, " IDENTIFIED ")
		switch to = strings.TrimSuffix(strings.TrimSuffix(to, " WITH ADMIN OPTION"), " WITH GRANT OPTION"); {
		case strings.HasPrefix(g, "SET DEFAULT ROLE "):
			_, who, _ := cutLast(g, " FOR ")
			statements = append(statements, "SET DEFAULT ROLE NONE FOR "+who)
		case found && !strings.HasPrefix(what, "USAGE "):
			statements = append(statements, "REVOKE "+what+" FROM "+to)
		}
	}
	return statements
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
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
