package mysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// pool are clients that come back every so often, whatever happened to them.
type pool struct {
	*rig
	db     *sql.DB
	cancel context.CancelFunc
	gone   sync.WaitGroup

	mu    sync.Mutex
	seen  map[string]int // answers since the last await; guarded by mu
	total map[string]int // all answers; guarded by mu
}

// newPool starts clients that each run f in a connection of their own. What f
// returns was seen; an error is nothing.
func (r *rig) newPool(clients int, pause time.Duration, f func(context.Context, *sql.Conn) (string, error)) *pool {
	r.Helper()
	r.sql("CREATE OR REPLACE USER pool@'%' IDENTIFIED BY 'pool'; GRANT ALL ON shop.* TO pool@'%'")
	config := driver.NewConfig()
	config.Net, config.Addr = "tcp", testbed.Inspect(r, r.container, "range .NetworkSettings.Networks}}{{.IPAddress}}{{end")+":3306"
	config.User, config.Passwd, config.DBName = "pool", "pool", "shop"
	config.Logger = log.New(io.Discard, "", 0)
	connector, err := driver.NewConnector(config)
	require.NoError(r, err)
	p := &pool{rig: r, db: sql.OpenDB(connector), seen: make(map[string]int), total: make(map[string]int)}
	p.db.SetMaxIdleConns(-1)
	ctx, cancel := context.WithCancel(r.Context())
	p.cancel = cancel
	for range clients {
		p.gone.Go(func() {
			for ; ctx.Err() == nil; time.Sleep(pause) {
				if answer, err := p.once(ctx, f); err == nil && answer != "" {
					p.mu.Lock()
					p.seen[answer]++
					p.total[answer]++
					p.mu.Unlock()
				}
			}
		})
	}
	r.Cleanup(p.leave)
	return p
}

func (p *pool) once(ctx context.Context, f func(context.Context, *sql.Conn) (string, error)) (string, error) {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // it may have been cut off
	return f(ctx, conn)
}

// leave ends the clients.
func (p *pool) leave() {
	p.cancel()
	p.gone.Wait()
	_ = p.db.Close()
}

// await waits until the clients see something, and returns what they have seen
// until then.
func (p *pool) await(answer string) map[string]int {
	p.Helper()
	all := map[string]int{}
	testbed.Eventually(p, time.Minute, "clients see "+answer, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for a, n := range p.seen {
			all[a] += n
		}
		p.seen = make(map[string]int)
		return all[answer] > 0
	})
	return all
}

// Clients that reconnect every 50 ms see the old state or the new one of all
// tables together, or an error: while a database, one table of it, and then the
// state before come back. The exchange is one RENAME TABLE of all (exchange).
func TestReconnectingClientsSeeNoHalfState(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int, FOREIGN KEY (a) REFERENCES a (id)); CREATE TABLE c (id int PRIMARY KEY)")
	r.sql("CREATE TRIGGER both_of_them AFTER INSERT ON a FOR EACH ROW INSERT INTO b VALUES (NEW.id, NEW.id); CREATE VIEW seen AS SELECT (SELECT count(*) FROM a) AS a, (SELECT count(*) FROM b) AS b, (SELECT count(*) FROM c) AS c")
	r.sql("INSERT INTO a VALUES (1); INSERT INTO c VALUES (1)")
	store := kindtest.NewMemory()
	item := r.item("shop")
	part, facts := r.capture(item, store, nil)
	r.sql("INSERT INTO a VALUES (2), (3); INSERT INTO c VALUES (2), (3)")
	safety, before := r.capture(item, store, nil)
	p := r.newPool(8, 50*time.Millisecond, func(ctx context.Context, conn *sql.Conn) (answer string, err error) {
		var a, b, c int
		err = conn.QueryRowContext(ctx, "SELECT a, b, c FROM seen").Scan(&a, &b, &c)
		return fmt.Sprint(a, b, c), err
	})
	p.await("3 3 3")
	for range testbed.Times(2, 20) {
		step := func(part kind.Part, want string, also ...string) {
			require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
			for answer := range p.await(want) {
				require.Contains(t, append(also, want), answer)
			}
		}
		one := part
		one.Inside = []string{"c"}
		step(one, "3 3 1", "3 3 3")
		step(part, "1 1 1", "3 3 1")
		require.Empty(t, changed(facts, r.factsOf(item)))
		step(safety, "3 3 3", "1 1 1")
		require.Empty(t, changed(before, r.factsOf(item)))
	}
	require.NotContains(t, r.sql("SHOW DATABASES"), "dogear")

	// Clients may be too slow to see it: the tables go and come in one statement,
	// and get their names in another.
	p.leave()
	r.sql("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = ON")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, "2", r.sql("SELECT count(*) FROM mysql.general_log WHERE argument LIKE 'RENAME TABLE %`a`%`b`%`c`%'"))
	require.Equal(t, "2", r.sql("SELECT count(*) FROM mysql.general_log WHERE argument LIKE 'RENAME TABLE %'"))
}

// What a client writes as soon as it sees the restored tables stays: the restore
// neither takes it for damage nor goes back behind it (confirm looks at
// definitions; rows were compared before anybody saw them, load).
func TestWritesIntoRestoredTablesStay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql("CREATE TABLE a (id int PRIMARY KEY AUTO_INCREMENT, t varchar(40)); INSERT INTO a (t) SELECT md5(seq) FROM seq_1_to_30000; CREATE VIEW v AS SELECT count(*) FROM a")
	store := kindtest.NewMemory()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql("INSERT INTO a VALUES (-1, 'this is the old one'); DROP VIEW v")
	p := r.newPool(4, 5*time.Millisecond, func(ctx context.Context, conn *sql.Conn) (string, error) {
		done, err := conn.ExecContext(ctx, "INSERT INTO a (t) SELECT 'new' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM a WHERE id = -1)")
		if err != nil {
			return "", err
		}
		n, err := done.RowsAffected()
		return map[bool]string{true: "written"}[n > 0], err
	})
	err := r.driver.Restore(t.Context(), r.ws, part, store)
	p.await("written")
	p.leave()
	require.NoError(t, err)
	require.Equal(t, "30000", r.sql("SELECT count(*) FROM a WHERE t <> 'new'"))
	written, err := strconv.Atoi(r.sql("SELECT count(*) FROM a WHERE t = 'new'"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, written, p.total["written"], "every row that a client was told is written")
}

// Each session sees the same instant, though others commit all the time: commits
// wait for a moment (lockCommits). Without that one table is read before a
// transaction and the other after it.
func TestSessionsSeeOneInstant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql("CREATE TABLE x (n int); CREATE TABLE y (n int); INSERT INTO x VALUES (0); INSERT INTO y VALUES (0)")
	p := r.newPool(4, 0, func(ctx context.Context, conn *sql.Conn) (string, error) {
		for range 50 {
			for _, statement := range []string{"BEGIN", "UPDATE x SET n = n - 1", "UPDATE y SET n = n + 1", "COMMIT"} {
				if _, err := conn.ExecContext(ctx, statement); err != nil {
					return "", err
				}
			}
		}
		return "moved", nil
	})
	p.await("moved")
	for range testbed.Times(6, 100) {
		store := kindtest.NewMemory()
		part, _ := r.capture(r.item("shop"), store, nil)
		require.Equal(t, strings.TrimPrefix(read(t, store, part, "table/x"), "-"), read(t, store, part, "table/y"))
	}
}

// Where a commit does not write InnoDB's log, the files of a server that is frozen
// right after Hold have all that was committed before all the same (awaitLog).
func TestHoldWaitsForTheLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql("CREATE TABLE t (n int); SET GLOBAL innodb_flush_log_at_timeout = 2")
	position := func(what string) int {
		n, err := strconv.Atoi(r.sql("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'INNODB_LSN_" + what + "'"))
		require.NoError(t, err)
		return n
	}
	for range 2 {
		capture, err := r.driver.Open(t.Context(), r.ws, r.item("shop"), kindtest.NewMemory())
		require.NoError(t, err)
		r.sql("INSERT INTO t VALUES (1)")
		committed := position("CURRENT")
		require.NoError(t, capture.(kind.Holder).Hold(t.Context()))
		require.GreaterOrEqual(t, position("FLUSHED"), committed)
		require.NoError(t, capture.Close())
	}
}
