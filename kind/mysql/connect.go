package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// connectTime is how long one way to a server may take until it answers.
const connectTime = 5 * time.Second

// Errors of the server, by number.
const (
	errAccessDenied    = 1045
	errUnknownDatabase = 1049
	errShutdown        = 1053
	errNoThread        = 1094
	errLockWait        = 1205
	errInterrupted     = 1317
	errKilled          = 1927
)

// way is one way to reach a server.
type way struct {
	address string
	dial    func(ctx context.Context, network, address string) (net.Conn, error) // nil: over the network
	login   login
	// verified: TLS, with a certificate that is checked. Otherwise TLS is used
	// where there is some.
	verified bool
}

// link is a way that leads to a server, for as many sessions as are wanted.
type link struct {
	db      *sql.DB
	way     way
	version string
	mariadb bool
	pins    []string
}

// pins are settings that change how values are written and understood, what
// is visible, and when the server ends a session. What a server does not know
// is left out. character_set_results: bytes come as they are stored.
var pins = []struct{ name, value string }{
	{"time_zone", "'+00:00'"}, {"sql_mode", "'NO_AUTO_VALUE_ON_ZERO'"}, {"sql_quote_show_create", "1"},
	{"character_set_results", "NULL"}, {"sql_select_limit", "18446744073709551615"}, {"sql_safe_updates", "0"},
	{"max_statement_time", "0"}, {"max_execution_time", "0"}, {"lock_wait_timeout", "10"}, {"innodb_lock_wait_timeout", "10"},
	{"wait_timeout", "28800"}, {"net_write_timeout", "3600"}, {"net_read_timeout", "3600"},
	{"transaction_isolation", "'REPEATABLE-READ'"}, {"tx_isolation", "'REPEATABLE-READ'"},
	{"lc_time_names", "'en_US'"}, {"system_versioning_asof", "DEFAULT"}, {"show_create_table_skip_secondary_engine", "0"},
	{"show_create_table_verbosity", "0"}, {"use_stat_tables", "'never'"}, {"foreign_key_checks", "1"}, {"unique_checks", "1"},
	{"information_schema_stats_expiry", "0"}, {"idle_transaction_timeout", "0"}, {"idle_readonly_transaction_timeout", "0"},
}

// connect logs in by the first way that lets us see everything, or else by
// the first that lets us in at all.
func connect(ctx context.Context, ways []way) (*link, error) {
	var (
		second *link
		failed refusals
	)
	for _, w := range ways {
		l, all, err := w.connect(ctx)
		switch {
		case err != nil:
			failed = append(failed, err)
		case all:
			second.hangUp()
			return l, nil
		case second == nil:
			second = l
		default:
			l.hangUp()
		}
	}
	if second != nil {
		return second, nil
	}
	return nil, failed
}

// refusals says why no way leads to a server, each reason once.
type refusals []error

func (r refusals) Error() string {
	var reasons []string
	for _, err := range r {
		if reason := err.Error(); !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	return strings.Join(reasons, "; ")
}

func (r refusals) Unwrap() []error { return r }

// connect opens a link, and says whether its account may read everything.
func (w way) connect(ctx context.Context) (_ *link, all bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	connector, err := mysql.NewConnector(w.config())
	if err != nil {
		return nil, false, fmt.Errorf("set up the connection: %w", err)
	}
	l := &link{db: sql.OpenDB(connector), way: w}
	l.db.SetMaxIdleConns(-1)
	if all, err = l.greet(ctx); err != nil {
		l.hangUp()
		return nil, false, err
	}
	return l, all, nil
}

func (w way) config() *mysql.Config {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.DialFunc = "tcp", w.address, w.dial
	config.User, config.Passwd = w.login.user, w.login.password
	config.InterpolateParams = true
	config.MaxAllowedPacket = 0 // what the server takes, which it is asked for
	config.Logger = &mysql.NopLogger{}
	switch {
	case w.verified:
		config.TLSConfig = "true"
	case w.dial == nil:
		config.TLSConfig = "preferred"
	}
	return config
}

// greet asks the server who it is and which of the pins it knows.
func (l *link) greet(ctx context.Context) (all bool, err error) {
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer closeConn(conn)
	if err := conn.QueryRowContext(ctx, "SELECT VERSION()").Scan(&l.version); err != nil {
		return false, fmt.Errorf("ask for the version: %w", err)
	}
	l.mariadb = strings.Contains(l.version, "MariaDB")
	// What is listed is cut off by it, too.
	if _, err := conn.ExecContext(ctx, "SET SESSION sql_select_limit = 18446744073709551615"); err != nil {
		return false, wrap("set up the session", err)
	}
	known, err := variables(ctx, conn, "SHOW SESSION VARIABLES")
	if err != nil {
		return false, err
	}
	for _, pin := range pins {
		if _, ok := known[pin.name]; ok {
			l.pins = append(l.pins, "SESSION "+pin.name+" = "+pin.value)
		}
	}
	var readable int
	err = conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.user_privileges WHERE privilege_type = 'SELECT'").Scan(&readable)
	return readable > 0, wrap("ask for the account's privileges", err)
}

// session opens a session with fixed settings.
func (l *link) session(ctx context.Context) (*sql.Conn, error) {
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "SET "+strings.Join(l.pins, ", ")); err != nil {
		closeConn(conn)
		return nil, fmt.Errorf("set up the session: %w", err)
	}
	return conn, nil
}

// hangUp closes the link; a nil link is closed.
func (l *link) hangUp() {
	if l != nil {
		_ = l.db.Close() // what was not committed is not wanted
	}
}

func closeConn(conn *sql.Conn) { _ = conn.Close() } // likewise

// variables returns what a SHOW VARIABLES statement says.
func variables(ctx context.Context, conn *sql.Conn, statement string) (map[string]string, error) {
	all := make(map[string]string)
	err := each(ctx, conn, statement, func(row []sql.NullString) error {
		all[row[0].String] = row[1].String
		return nil
	})
	return all, wrap("ask for variables", err)
}

// each calls f for each row of a query. The row is f's.
func each(ctx context.Context, conn *sql.Conn, query string, f func(row []sql.NullString) error, args ...any) (err error) {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		row := make([]sql.NullString, len(columns))
		targets := make([]any, len(columns))
		for i := range row {
			targets[i] = &row[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		if err := f(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// isError reports whether the server said so, on any way to it.
func isError(err error, number uint16) bool {
	var several refusals
	if errors.As(err, &several) {
		return slices.ContainsFunc(several, func(err error) bool { return isError(err, number) })
	}
	var refused *mysql.MySQLError
	return errors.As(err, &refused) && refused.Number == number
}

// isServerError reports whether the server has refused something, as opposed
// to a connection that broke.
func isServerError(err error) bool {
	var refused *mysql.MySQLError
	return errors.As(err, &refused)
}

// isCutOff reports whether somebody has ended the session or what it did, or the
// server is stopping: that says nothing about what was asked for.
func isCutOff(err error) bool {
	return isError(err, errShutdown) || isError(err, errInterrupted) || isError(err, errKilled)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// name quotes a name.
func name(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }
