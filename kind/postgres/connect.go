package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// connectTime is how long one way to a server may take until it answers.
const connectTime = 5 * time.Second

// oldest is the oldest server version (as a number) whose catalogs the
// queries of this package fit.
const oldest = 110000

// way is one way to reach a server.
type way struct {
	host  string
	port  uint16
	dial  pgconn.DialFunc // nil: over the network
	login login

	address string // a DSN that says all of it
}

// pinned are settings that change how values are written, what is visible, or
// when the server ends a session. What a server does not know is left out.
const pinned = `
select set_config(s.name, v.value, false)
from (values
    ('TimeZone', 'UTC'), ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'),
    ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('lc_monetary', 'C'),
    ('search_path', ''), ('row_security', 'off'), ('synchronize_seqscans', 'off'), ('quote_all_identifiers', 'off'), ('jit', 'off'),
    ('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0'), ('transaction_timeout', '0')
) v (name, value)
join pg_catalog.pg_settings s on s.name = v.name`

// connect logs in by the first way that makes us a superuser, or else by the
// first that lets us in at all: other roles cannot see everything.
func connect(ctx context.Context, ways []way, database string) (*pgx.Conn, way, error) {
	var (
		second    *pgx.Conn
		secondWay way
		failed    refusals
	)
	for _, w := range ways {
		conn, err := w.connect(ctx, database)
		switch {
		case err != nil:
			failed = append(failed, err)
		case conn.PgConn().ParameterStatus("is_superuser") == "on":
			hangUp(second)
			return conn, w, nil
		case second == nil:
			second, secondWay = conn, w
		default:
			hangUp(conn)
		}
	}
	if second != nil {
		return second, secondWay, nil
	}
	return nil, way{}, failed
}

// refusals says why no way leads to a server, each reason once.
type refusals []error

func (r refusals) Error() string {
	var reasons []string
	for _, err := range r {
		reason := err.Error()
		var refused *pgconn.PgError
		if errors.As(err, &refused) {
			reason = refused.Message
		}
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	return strings.Join(reasons, "; ")
}

func (r refusals) Unwrap() []error { return r }

func (w way) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	config, err := w.config(database)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, conn); err != nil {
		hangUp(conn)
		return nil, err
	}
	return conn, nil
}

// config overrides whatever the environment of this process says about
// Postgres servers: it is meant for others.
func (w way) config(database string) (*pgx.ConnConfig, error) {
	if w.address != "" {
		return w.configOfAddress(database)
	}
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user=x password=x passfile=/dev/null sslmode=prefer", w.host, w.port))
	if err != nil {
		return nil, errors.New("the environment (PG…) holds settings that cannot be used") // err repeats them
	}
	config.User, config.Password, config.Database = w.login.user, w.login.password, database
	setParameters(config)
	if w.dial != nil {
		config.DialFunc = w.dial
		config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
		config.TLSConfig, config.Fallbacks = nil, nil
	} else {
		for _, f := range config.Fallbacks {
			f.Host, f.Port = config.Host, config.Port
		}
	}
	return config, nil
}

// configOfAddress reads a DSN as libpq does, with its password file. The
// environment of this process is meant for others.
func (w way) configOfAddress(database string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(w.address)
	if err != nil {
		return nil, errors.New("the dsn cannot be understood") // err repeats it
	}
	if database != "" {
		config.Database = database
	}
	setParameters(config)
	return config, nil
}

func setParameters(config *pgx.ConnConfig) {
	config.RuntimeParams = map[string]string{
		"application_name": applicationName, "client_encoding": "UTF8", "statement_timeout": "300s", "lock_timeout": "10s",
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
}

// applicationName is how servers show our sessions.
const applicationName = "dogear"

func prepare(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, pinned); err != nil {
		return fmt.Errorf("set up the session: %w", err)
	}
	var version int
	if err := conn.QueryRow(ctx, "select current_setting('server_version_num')::int").Scan(&version); err != nil {
		return fmt.Errorf("ask for the version: %w", err)
	}
	if version < oldest {
		return fmt.Errorf("version %d is older than 11, the oldest that is known here", version/10000)
	}
	return nil
}

// hangUp closes a connection without waiting for a server that may be frozen.
func hangUp(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // nothing was written
}
