package postgres_test

import (
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
)

// Tables are not read again while the server says that no transaction has ended
// since. What ends one, or lets numbers be given out twice, has them read.
func TestUnchangedTablesAreNotReadAgain(t *testing.T) {
	r := newRig(t)
	r.sql(`create table t (n int); insert into t select generate_series(1, 50000); create unlogged table u (n int); insert into u values (1);
		create materialized view m as select 1 as one; alter system set max_prepared_transactions = 5; alter system set autovacuum = off`)
	testbed.Docker(t, "restart", r.container)
	r.untilItAnswers()
	store, item := newChunks(), r.item("shop")
	first, facts := r.capture(item, store, nil)
	again, same := r.capture(item, store, nil)
	require.Equal(t, facts, same)
	require.Equal(t, first.Objects, again.Objects)
	require.Greater(t, first.Read, int64(200_000))
	require.Less(t, again.Read, int64(50_000))
	require.Equal(t, facts, r.factsOf(item))
	again, _ = r.capture(item, store, nil)
	require.Less(t, again.Read, int64(50_000), "who looks forgets nothing")

	// What is read while everything runs is not read again when clients wait
	// (Foresee), and is what is read then.
	r.sql("delete from t where n = 50000; insert into t values (50000)")
	c, err := r.driver.Open(t.Context(), r.ws, item, store)
	require.NoError(t, err)
	_, _, err = c.(kind.Foreseer).Foresee(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.(kind.Holder).Hold(t.Context()))
	require.NoError(t, c.Take(t.Context()))
	foreseen, err := c.Finish(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.Less(t, foreseen.Read, int64(50_000))
	require.Equal(t, facts, r.factsOf(item))

	// believed says whether what is remembered is: it is falsified.
	believed := func() bool {
		for name, content := range r.ws.Cache.(memory) {
			if strings.HasSuffix(name, " tables") {
				r.ws.Cache.(memory)[name] = bytes.ReplaceAll(content, []byte("50000 rows"), []byte("12345 rows"))
			}
		}
		return strings.HasPrefix(r.factsOf(item)["shop: table public.t"], "12345 rows")
	}
	require.True(t, believed())
	writer := r.session()
	writer("begin; select 1;")
	require.True(t, believed(), "a transaction that has written nothing")
	for _, c := range []struct{ name, before, after string }{
		{"a row", "select 1", "insert into t values (0); delete from t where n = 0"},
		{"no row", "select 1", "begin; insert into t values (0); rollback"},
		{"another database", "select 1", `create database other`},
		{"a transaction that was prepared", "begin; insert into u values (2); prepare transaction 'p'", "commit prepared 'p'"},
	} {
		r.sql(c.before)
		r.factsOf(item)
		require.True(t, believed(), c.name)
		r.sql(c.after)
		require.False(t, believed(), c.name)
	}

	writer("insert into t values (1);")
	testbed.Eventually(t, time.Minute, "it has written", func() bool {
		return r.sql("select count(*) from pg_stat_activity where backend_xid is not null") == "1"
	})
	during := r.factsOf(item)
	require.True(t, believed(), "a transaction that was running then, and is")
	writer("commit;")
	testbed.Eventually(t, time.Minute, "it is committed", func() bool { return r.sql("select count(*) from t") == "50001" })
	require.Equal(t, []string{"shop: table public.t"}, changed(during, r.factsOf(item)))

	// A crash takes nothing back here, and the snapshot is the same.
	r.sql("delete from t where ctid = (select max(ctid) from t); checkpoint")
	r.factsOf(item)
	require.True(t, believed())
	snapshot := r.sql("select pg_current_snapshot()")
	testbed.Exec(t, r.container, "kill", "-9", r.sql("select pid from pg_stat_activity where backend_type = 'walwriter'"))
	r.untilItAnswers()
	require.Equal(t, snapshot, r.sql("select pg_current_snapshot()"))
	require.False(t, believed(), "after a crash numbers may be given out again")
	r.capture(item, store, nil)
	clear(store.byID)
	whole, _ := r.capture(item, store, nil)
	object, _ := whole.Object("table/public.t")
	require.NotEmpty(t, store.byID[object.Chunks[0]], "a store that has lost the rows gets them again")
}

func (r *rig) untilItAnswers() {
	r.Helper()
	testbed.Eventually(r, time.Minute, "it answers", func() bool {
		return exec.Command("docker", "exec", r.container, "psql", "-XqU", "shop", "-d", "shop", "-c", "select 1").Run() == nil
	})
}

// session is a client that stays: it is given statements.
func (r *rig) session() func(statements string) {
	r.Helper()
	cmd := exec.Command("docker", "exec", "--interactive", r.container, "psql", "-XqU", "shop", "-d", "shop")
	input, err := cmd.StdinPipe()
	require.NoError(r, err)
	require.NoError(r, cmd.Start())
	r.Cleanup(func() {
		_ = input.Close() // it may have ended
		_ = cmd.Wait()
	})
	return func(statements string) {
		r.Helper()
		_, err := io.WriteString(input, statements+"\n")
		require.NoError(r, err)
	}
}
