package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// Servers that are left alone do not stand still: they write checkpoints,
// vacuum, purge, dump and rotate. None of that is a change, and the same state
// has the same digest, however often it is saved. What a minute would bring is
// asked for; with DOGEAR_SOAK the minute is waited for as well.
//
// Fails without the claims on the servers' files, and if facts are taken from
// anything that such work moves.
func TestIdleServersDoNotChange(t *testing.T) {
	t.Parallel()
	s := newIdleServers(t)
	first := s.json(done, "save")
	shown := s.dogear(done, "show", first.Snapshot.ID)
	for _, item := range []string{"postgres/db", "postgres/db/shop", "mysql/maria", "mysql/maria/shop", "redis/cache", "redis/log"} {
		require.Contains(t, shown, item)
	}
	s.doWhatServersDo()
	s.unchanged(first.Snapshot.State)
	for range testbed.Times(0, 1) {
		time.Sleep(time.Minute)
		s.unchanged(first.Snapshot.State)
	}
	// One row is one change, and is found by its key.
	testbed.SQL(t, s.postgres, "update t set s = 'secret' where n = 7")
	testbed.MariaSQL(t, s.maria, "UPDATE t SET s = 'secret' WHERE n = 8")
	testbed.RedisDo(t, s.cache, "set k9 secret")
	diff := s.dogear(done, "diff", "--details")
	require.Contains(t, diff, "3 changes")
	for _, line := range []string{"~ n=7: s\n", "~ n=8: s\n", "~ db=0 key=k9: value\n"} {
		require.Contains(t, diff, line)
	}
	require.NotContains(t, diff, "secret")
	require.Contains(t, s.dogear(done, "diff", "--details", "--show-values"), "-> \"secret\"")

	// Several parts of one server come back together, into the server as it runs:
	// that one needs it is no reason to stop it under the other (desk.affected).
	testbed.MariaSQL(t, s.maria, "CREATE USER late")
	started := testbed.Inspect(t, s.maria, ".State.StartedAt")
	s.json(done, "restore", first.Snapshot.ID, "--only", "mysql/*").proven(t)
	require.Equal(t, started, testbed.Inspect(t, s.maria, ".State.StartedAt"))
	require.Equal(t, "0", testbed.MariaSQL(t, s.maria, "SELECT count(*) FROM t WHERE s = 'secret'"))
	require.Contains(t, s.dogear(done, "diff"), "2 changes")
	s.nothingLeftBehind()
}

// idleServers are one server of each kind in a workspace.
type idleServers struct {
	*rig
	postgres, maria, cache, log string
}

func newIdleServers(t *testing.T) *idleServers {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes"), []byte("x"), 0o600))
	s := &idleServers{rig: rigOn(t, &testbed.Shop{Dir: dir, Project: filepath.Base(filepath.Dir(dir))})}
	label := func(service string) []string {
		const prefix = "--label=com.docker.compose."
		return []string{prefix + "project=" + s.Project, prefix + "project.working_dir=" + dir, prefix + "service=" + service}
	}
	s.cache = testbed.Redis(t, "bookworm", label("cache"), "--save", "1 1")
	s.log = testbed.Redis(t, "bookworm", label("log"), "--appendonly", "yes", "--save", "", "--auto-aof-rewrite-min-size", "1kb")
	s.maria = testbed.MariaDB(t, testbed.Volume(t), label("maria"), "--log-bin", "--innodb-purge-rseg-truncate-frequency=1")
	s.postgres = testbed.Postgres(t, append(label("db"), "--volume="+testbed.Volume(t)+":/var/lib/postgresql/data")...).Container
	s.fill()
	return s
}

// fill leaves work behind: dead rows, undo logs, a log that is worth rewriting.
func (s *idleServers) fill() {
	testbed.SQL(s.t, s.postgres, `create table t (n int primary key, s text, j json, at timestamptz default now(), f float8);
		create unlogged table cache (k text); create sequence q; create materialized view m as select 1 as one;
		insert into t select n, md5(n::text), '{"a": 1}', now(), n / 3.0 from generate_series(1, 20000) n;
		insert into cache values ('k'); select nextval('q'), lo_from_bytea(4711, 'large');
		update t set s = s || '!' where n % 3 = 0; delete from t where n % 5 = 0;
		alter system set autovacuum_naptime = '1s'; alter system set autovacuum_vacuum_threshold = 1; alter system set autovacuum_analyze_threshold = 1;
		alter system set checkpoint_timeout = '30s'; alter system set logging_collector = on`)
	testbed.SQL(s.t, s.postgres, `select pg_reload_conf()`)
	testbed.MariaSQL(s.t, s.maria, `CREATE TABLE t (n int PRIMARY KEY AUTO_INCREMENT, s varchar(40), f float);
		INSERT INTO t (s, f) SELECT md5(seq), seq / 3 FROM seq_1_to_20000; UPDATE t SET s = concat(s, '!') WHERE n % 3 = 0; DELETE FROM t WHERE n % 5 = 0;
		CREATE TABLE prices (id int PRIMARY KEY, price int) WITH SYSTEM VERSIONING; INSERT INTO prices VALUES (1, 10); UPDATE prices SET price = 11;
		CREATE TABLE sessions (id int PRIMARY KEY) ENGINE=MEMORY; INSERT INTO sessions VALUES (1);
		CREATE TABLE old (id int PRIMARY KEY, t varchar(10)) ENGINE=MyISAM; INSERT INTO old VALUES (1, 'a'), (2, 'b'); DELETE FROM old WHERE id = 1;
		CREATE SEQUENCE q; DO NEXTVAL(q)`)
	for _, redis := range []string{s.cache, s.log} {
		testbed.RedisDo(s.t, redis, `eval "for i = 1, 2000 do redis.call('set', 'k' .. i, i) redis.call('sadd', 's', i) redis.call('hset', 'h' .. i % 7, i, i) end" 0
set mortal 1 pxat 4102444800123
xadd stream 1-1 a 1
xgroup create stream readers 0
set counted 1
incr counted`)
	}
}

// doWhatServersDo has them do at once what they do by themselves.
func (s *idleServers) doWhatServersDo() {
	testbed.SQL(s.t, s.postgres, `checkpoint; vacuum; analyze; vacuum freeze`)
	testbed.SQL(s.t, s.postgres, `vacuum full; reindex database shop; select pg_switch_wal(); checkpoint`)
	testbed.MariaSQL(s.t, s.maria, `FLUSH LOCAL TABLES; FLUSH LOCAL LOGS; FLUSH LOCAL STATUS; FLUSH LOCAL BINARY LOGS; OPTIMIZE LOCAL TABLE t, prices, old; ANALYZE LOCAL TABLE t, old;
		PURGE BINARY LOGS BEFORE now() + INTERVAL 1 DAY; SET GLOBAL innodb_buffer_pool_dump_now = ON`)
	testbed.Eventually(s.t, time.Minute, "all is purged", func() bool {
		return testbed.MariaSQL(s.t, s.maria, "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'innodb_history_list_length'") == "0"
	})
	for _, redis := range []string{s.cache, s.log} {
		testbed.RedisDo(s.t, redis, "bgsave")
		s.untilChildIsDone(redis)
		testbed.RedisDo(s.t, redis, "bgrewriteaof")
		s.untilChildIsDone(redis)
		testbed.RedisDo(s.t, redis, "memory purge\nget counted")
	}
}

var busyRedis = regexp.MustCompile(`(rdb_bgsave_in_progress|aof_rewrite_in_progress|aof_rewrite_scheduled):1`)

func (s *idleServers) untilChildIsDone(redis string) {
	testbed.Eventually(s.t, time.Minute, "Redis has no child", func() bool {
		info := testbed.RedisDo(s.t, redis, "info persistence")
		return !busyRedis.MatchString(info)
	})
}

// unchanged requires that status says so, and that a save has the same state.
func (s *idleServers) unchanged(state string) {
	s.t.Helper()
	status := s.json(done, "status")
	require.True(s.t, status.Identical, "%+v", status.Differences)
	again := s.json(done, "save")
	require.Equal(s.t, state, again.Snapshot.State, "%s", s.dogear(done, "diff", "latest~1", "latest"))
}
