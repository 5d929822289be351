package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dogear/kind"
)

// session is a transaction that sees one database as it was at one instant,
// and cannot write.
type session struct {
	conn *pgx.Conn
	held kind.Interval

	relations []relation
	sequences []sequence
	large     string // sum of the large objects, once they were read
	size      int64
	version   int
	superuser bool
	exact     bool // what it holds is digested whatever its size
	unlocked  bool // somebody else held a lock that keeps us from taking ours

	proofs proofs

	// more opens a further session on the same database; nil: none.
	more func(context.Context) (*pgx.Conn, error)
}

// relation is something that has rows.
type relation struct {
	Name      string   `json:"name"` // quoted and qualified
	Word      string   `json:"word"` // table or matview
	Unlogged  bool     `json:"unlogged,omitempty"`
	Populated bool     `json:"populated"`
	Columns   []string `json:"columns"`       // of a row as it is stored, quoted
	Key       []string `json:"key,omitempty"` // those of the primary key
	Sum       string   `json:"sum"`           // as the fact says it
	size      int64    // about, in bytes
	pages     int64    // if it is large
}

func (r relation) fact() string { return r.Word + " " + r.Name }

// object is the name of the object that holds its rows.
func (r relation) object() string { return r.Word + "/" + r.Name }

// sequence is the state of a sequence.
type sequence struct {
	Name   string `json:"name"`
	Last   int64  `json:"last"`
	Called bool   `json:"called"`
}

// begin opens the transaction on a connection made by the way.
func (w way) begin(ctx context.Context, conn *pgx.Conn) (*session, error) {
	s, err := begin(ctx, conn)
	if err != nil {
		return nil, err
	}
	database := conn.Config().Database
	s.more = func(ctx context.Context) (*pgx.Conn, error) { return w.connect(ctx, database) }
	return s, nil
}

// begin opens the transaction. Whatever it reads by itself, it reads now: the
// sequences, which are outside transactions, and which tables there are.
func begin(ctx context.Context, conn *pgx.Conn) (*session, error) {
	s := &session{conn: conn, superuser: conn.PgConn().ParameterStatus("is_superuser") == "on"}
	if _, err := conn.Exec(ctx, "begin isolation level repeatable read read only"); err != nil {
		return nil, fmt.Errorf("open a transaction: %w", err)
	}
	s.held.From = time.Now()
	if err := s.findRelations(ctx); err != nil { // the first query fixes what the transaction sees
		return nil, err
	}
	s.held.To = time.Now()
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	return s, s.readSequences(ctx)
}

func (s *session) findRelations(ctx context.Context) error {
	rows, err := s.conn.Query(ctx, `
select format('%I.%I', n.nspname, c.relname), case c.relkind when 'm' then 'matview' else 'table' end,
       c.relpersistence = 'u', c.relispopulated, c.relpages::bigint * 8192,
       array(select quote_ident(a.attname) from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and coalesce(to_jsonb(a) ->> 'attgenerated', '') = ''
             order by a.attnum),
       array(select quote_ident(a.attname) from pg_index i cross join unnest(i.indkey) with ordinality k (num, pos)
             join pg_attribute a on a.attrelid = c.oid and a.attnum = k.num
             where i.indrelid = c.oid and i.indisprimary and k.pos <= i.indnkeyatts order by k.pos)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1`)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	s.relations, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r relation, err error) {
		return r, row.Scan(&r.Name, &r.Word, &r.Unlogged, &r.Populated, &r.size, &r.Columns, &r.Key)
	})
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	err = s.conn.QueryRow(ctx, "select pg_database_size(current_database()), current_setting('server_version_num')::int").Scan(&s.size, &s.version)
	if err != nil {
		return fmt.Errorf("ask for the size: %w", err)
	}
	return nil
}

// lock keeps the tables from being redefined or emptied by TRUNCATE, which
// transactions would see. Where somebody else holds a stronger lock we go
// without rather than make a frozen workspace wait.
func (s *session) lock(ctx context.Context) error {
	var tables []string
	for _, r := range s.relations {
		if r.Word == "table" {
			tables = append(tables, "only "+r.Name)
		}
	}
	if len(tables) == 0 {
		return nil
	}
	_, err := s.conn.Exec(ctx, "savepoint before_lock; set local lock_timeout = '500ms'; lock table "+strings.Join(tables, ", ")+
		" in access share mode; release before_lock; set local lock_timeout = '10s'", pgx.QueryExecModeSimpleProtocol)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return wrap("lock the tables", err)
	}
	s.unlocked = true
	_, err = s.conn.Exec(ctx, "rollback to before_lock; release before_lock", pgx.QueryExecModeSimpleProtocol)
	return wrap("lock the tables", err)
}

func (s *session) readSequences(ctx context.Context) error {
	rows, err := s.conn.Query(ctx, `
select format('%I.%I', n.nspname, c.relname)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1`)
	if err != nil {
		return fmt.Errorf("list sequences: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		return wrap("list sequences", err)
	}
	selects := make([]string, len(names))
	for i, name := range names {
		selects[i] = "select " + quoteLiteral(name) + ", last_value, is_called from " + name
	}
	rows, err = s.conn.Query(ctx, strings.Join(selects, " union all "), pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return fmt.Errorf("read sequences: %w", err)
	}
	s.sequences, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (q sequence, err error) {
		return q, row.Scan(&q.Name, &q.Last, &q.Called)
	})
	return wrap("read sequences", err)
}

func (q sequence) fact() kind.Fact {
	value := fmt.Sprintf("last value %d", q.Last)
	if !q.Called {
		value = fmt.Sprintf("next value %d, nothing drawn yet", q.Last)
	}
	return kind.Fact{Name: "sequence " + q.Name, Value: value}
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func quoteLiteral(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
