package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"dogear/kind"
)

// belongings is what a server has beside databases.
type belongings struct {
	Version string `json:"version"`
	// Accounts are users and roles, roles first.
	Accounts []owner `json:"accounts"`
	// Variables are those set while the server ran: they are in no file.
	Variables map[string]variable `json:"variables,omitempty"`
	// Others are listed, and come back with the files only.
	Others []other `json:"others,omitempty"`
}

// owner is an account, with the statements that create it and say what it may.
type owner struct {
	Name   string   `json:"name"` // quoted, as in statements
	Role   bool     `json:"role,omitempty"`
	Create string   `json:"create"`
	Grants []string `json:"grants"`
}

// variable is a variable of the server.
type variable struct {
	Value  string `json:"value"`
	Number bool   `json:"number,omitempty"`
	Secret bool   `json:"secret,omitempty"` // a text: nobody knows what is in it
}

// other is something else that the server knows.
type other struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// otherQueries list what else there is: a name and a description. What is
// not there on a server is not asked for.
var otherQueries = []struct{ table, query string }{
	{"plugin", "SELECT CONCAT('plugin ', name), dl FROM mysql.plugin"},
	{"func", "SELECT CONCAT('function ', name), CONCAT(dl, ' ', ret, ' ', type) FROM mysql.func"},
	{"servers", "SELECT CONCAT('server ', Server_name), CONCAT_WS('\\t', Host, Db, Username, Password, Port, Socket, Wrapper, Owner) FROM mysql.servers"},
}

func readServer(ctx context.Context, conn *sql.Conn, l *link) (*belongings, error) {
	b := &belongings{Version: l.version, Variables: make(map[string]variable)}
	if l.mariadb {
		if err := each(ctx, conn, `SELECT LOWER(VARIABLE_NAME), GLOBAL_VALUE, VARIABLE_TYPE FROM information_schema.system_variables
WHERE GLOBAL_VALUE_ORIGIN = 'SQL' AND READ_ONLY = 'NO' AND VARIABLE_NAME NOT LIKE 'GTID%' AND `+notButtons, func(row []sql.NullString) error {
			t := row[2].String
			number := strings.HasPrefix(t, "BIGINT") || strings.HasPrefix(t, "INT") || t == "DOUBLE"
			b.Variables[row[0].String] = variable{row[1].String, number, strings.HasPrefix(t, "VARCHAR")}
			return nil
		}); err != nil {
			return nil, wrap("ask for variables", err)
		}
	}
	if err := b.readAccounts(ctx, conn, l.mariadb); err != nil {
		return nil, err
	}
	for _, q := range otherQueries {
		if err := each(ctx, conn, q.query, func(row []sql.NullString) error {
			b.Others = append(b.Others, other{row[0].String, row[1].String})
			return nil
		}); err != nil && !isServerError(err) {
			return nil, wrap("read mysql."+q.table, err)
		}
	}
	return b, nil
}

// notButtons leaves out variables that are there to have something done: that
// somebody has pressed one is no state.
const notButtons = `VARIABLE_NAME NOT LIKE 'INNODB\_%\_NOW'
	AND VARIABLE_NAME NOT IN ('INNODB_BUFFER_POOL_LOAD_ABORT', 'INNODB_MAX_PURGE_LAG_WAIT')`

// readAccounts lists the accounts. An account that may not see others sees
// what it may itself.
func (b *belongings) readAccounts(ctx context.Context, conn *sql.Conn, roles bool) error {
	query := "SELECT User, Host, 'N' FROM mysql.user ORDER BY 1, 2"
	if roles {
		query = "SELECT User, Host, is_role FROM mysql.user WHERE User NOT IN ('PUBLIC', '') OR is_role = 'N' ORDER BY is_role DESC, 1, 2"
	}
	var owners []owner
	err := each(ctx, conn, query, func(row []sql.NullString) error {
		o := owner{Name: name(row[0].String) + "@" + name(row[1].String)}
		if o.Role = row[2].String == "Y"; o.Role {
			o.Name = name(row[0].String)
		}
		owners = append(owners, o)
		return nil
	})
	if isServerError(err) {
		return nil
	}
	if err != nil {
		return wrap("list accounts", err)
	}
	for _, o := range owners {
		if err := o.read(ctx, conn); err != nil {
			return fmt.Errorf("read account %s: %w", o.Name, err)
		}
		b.Accounts = append(b.Accounts, o)
	}
	return nil
}

func (o *owner) read(ctx context.Context, conn *sql.Conn) error {
	o.Create = "CREATE ROLE " + o.Name
	if !o.Role {
		if err := conn.QueryRowContext(ctx, "SHOW CREATE USER "+o.Name).Scan(&o.Create); err != nil {
			return err
		}
	}
	return each(ctx, conn, "SHOW GRANTS FOR "+o.Name, func(row []sql.NullString) error {
		if !strings.Contains(row[0].String, " TO PUBLIC") {
			o.Grants = append(o.Grants, row[0].String)
		}
		return nil
	})
}

// identified is how an account proves who it is, among its grants.
var identified = regexp.MustCompile(` IDENTIFIED .*?( WITH GRANT OPTION| REQUIRE |$)`)

func (b *belongings) facts(redact func(string) string) []kind.Fact {
	facts := []kind.Fact{{Name: "version", Value: b.Version}}
	for _, o := range b.Accounts {
		facts = append(facts, kind.Fact{Name: "account " + o.Name, Value: kind.Attributes(o.word(), "definition", redact(o.Create))})
		var grants []string
		for _, g := range o.Grants {
			grants = append(grants, identified.ReplaceAllString(g, "$1"))
		}
		slices.Sort(grants)
		facts = append(facts, kind.Fact{Name: "grants " + o.Name, Value: strings.Join(grants, "; ")})
	}
	for _, n := range slices.Sorted(maps.Keys(b.Variables)) {
		value := b.Variables[n].Value
		if b.Variables[n].Secret {
			value = redact(value)
		}
		facts = append(facts, kind.Fact{Name: "variable " + n, Value: value})
	}
	for _, o := range b.Others {
		facts = append(facts, kind.Fact{Name: o.Name, Value: redact(o.Value)})
	}
	return facts
}

func (o owner) word() string {
	if o.Role {
		return "role"
	}
	return "user"
}
