package postgres_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
)

// wreck changes a bit of everything.
const wreck = `
delete from orders where id % 2 = 0; update odd set f = 1; drop view recent; drop table events; drop index orders_customer;
alter table orders add column note text; select nextval('drawn'), setval('numbers', 5); select lo_unlink(4711);
drop function twice; refresh materialized view totals; alter database shop reset work_mem; create table more (n int);
alter database shop connection limit 3; comment on database shop is 'wrecked'; revoke connect on database shop from public;
drop policy own on orders; alter role clerk in database shop set app.token = 'other'; insert into cache values ('other');
`

// clients is a pool that is always connected, and comes back at once.
type clients struct {
	t     *testing.T
	stop  context.CancelFunc
	wait  sync.WaitGroup
	mu    sync.Mutex
	asked int
}

func connectClients(t *testing.T, dsn string) *clients {
	ctx, cancel := context.WithCancel(t.Context())
	c := &clients{t: t, stop: cancel}
	for range 4 {
		c.wait.Go(func() { c.run(ctx, dsn) })
	}
	t.Cleanup(c.close)
	return c
}

// hurried adds clients that come back without a pause.
func (c *clients) hurried(dsn string) {
	ctx, cancel := context.WithCancel(c.t.Context())
	stop := c.stop
	c.stop = func() { stop(); cancel() }
	for range 2 {
		c.wait.Go(func() {
			for ctx.Err() == nil {
				if conn, err := pgx.Connect(ctx, dsn); err == nil {
					pause(ctx)
					_ = conn.Close(ctx)
				}
			}
		})
	}
}

func (c *clients) run(ctx context.Context, dsn string) {
	for ctx.Err() == nil {
		conn, err := pgx.Connect(ctx, dsn)
		for err == nil {
			var n int
			if err = conn.QueryRow(ctx, "select count(*) from orders").Scan(&n); err == nil {
				c.mu.Lock()
				c.asked++
				c.mu.Unlock()
			}
			pause(ctx)
		}
		if conn != nil {
			_ = conn.Close(ctx)
		}
		pause(ctx)
	}
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(50 * time.Millisecond):
	}
}

func (c *clients) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

func (c *clients) close() {
	c.stop()
	c.wait.Wait()
}

// P5, P6: a database is restored beside the live one, and takes its name with
// its owner, privileges, limit, settings and comment, while clients come back
// every 50 ms. Without closing the doors first (cutOff) the renaming fails;
// without the statements about the database itself (aboutDatabase) its owner
// and all the rest is missing.
func TestDatabaseIsExchangedUnderItsClients(t *testing.T) {
	server := testbed.Postgres(t)
	r := rigOn(t, server.Container)
	r.sql(schema + `; comment on database shop is 'a shop'; alter database shop connection limit 50;
		create role owner; grant create on database shop to clerk; insert into cache values ('kept');
		grant all on database shop to shop; delete from orders where id = 500`)
	store := newChunks()
	part, captured := r.capture(r.item("shop"), store, nil)
	before := r.factsOf(r.item("shop"))
	require.Equal(t, captured, before)
	change, err := r.driver.Preview(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	require.Equal(t, kind.ActionNone, change.Action)

	r.sql(wreck)
	wrecked := r.factsOf(r.item("shop"))
	safety, _ := r.capture(r.item("shop"), store, nil)
	change, err = r.driver.Preview(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	require.Equal(t, kind.ActionReplace, change.Action)
	require.Empty(t, change.Conflicts)
	require.Positive(t, change.Bytes)

	pool := connectClients(t, server.DSN)
	pool.hurried(server.DSN)
	connectClients(t, strings.Replace(server.DSN, "/shop?", "/shop__dogear_new?", 1)) // those who look into all databases
	testbed.Eventually(t, time.Minute, "clients work", func() bool { return pool.count() > 20 })
	require.NoError(t, r.driver.Restore(t.Context(), r.keepingFor("one"), part, store))
	asked := pool.count()
	testbed.Eventually(t, time.Minute, "clients work again", func() bool { return pool.count() > asked+20 })
	r.find()
	require.Equal(t, before, r.factsOf(r.item("shop")))
	require.Equal(t, "499", r.sql("select count(*) from orders"))

	// What was written between the safety snapshot and the exchange is in what
	// was kept, and comes back with it.
	safety.Back = "one"
	require.NoError(t, r.driver.Restore(t.Context(), r.keepingFor("two"), safety, store))
	require.Equal(t, wrecked, r.factsOf(r.item("shop")))
	safety.Back = "two"
	require.NoError(t, r.driver.Restore(t.Context(), r.keepingFor("three"), safety, store), "an undo of an undo")
	require.Equal(t, before, r.factsOf(r.item("shop")))

	r.find()
	require.Len(t, r.items, 3, "what was kept is no item")
	require.Equal(t, "1", r.sql(`select count(*) from pg_database where datname like '%dogear%'`))
	require.NoError(t, r.driver.Release(t.Context(), r.ws, r.items))
	require.Equal(t, "0", r.sql(`select count(*) from pg_database where datname like '%dogear%'`))
	safety.Back = ""
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, safety, store))
	require.Equal(t, wrecked, r.factsOf(r.item("shop")), "from its dump")
}

func TestDatabaseThatIsGoneComesBack(t *testing.T) {
	r := newRig(t)
	r.sql("create database other; alter database other set work_mem = '9MB'")
	testbed.RunInput(t, "create table t (n int); insert into t values (1)", "docker", "exec", "-i", r.container, "psql", "-qU", "shop", "other")
	r.find()
	store := newChunks()
	part, facts := r.capture(r.item("other"), store, nil)
	r.sql("drop database other")
	change, err := r.driver.Preview(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	require.Equal(t, kind.ActionCreate, change.Action)
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, facts, r.factsOf(r.item("other")))
	require.NoError(t, r.driver.Remove(t.Context(), r.keepingFor("one"), r.item("other")))
	_, err = first(r.driver.Inspect(t.Context(), r.ws, part.Item()))
	require.ErrorIs(t, err, kind.ErrGone)
	part.Back = "one"
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, facts, r.factsOf(r.item("other")))
}

// A table alone keeps its identity: what depends on it goes on to mean it.
func TestTableAlone(t *testing.T) {
	r := newRig(t)
	r.sql(schema + `; create table lines (o bigint references orders, n int, twice int generated always as (n * 2) stored);
		insert into lines select id, id from orders; create view lots as select o.id, n from orders o join lines on o = id`)
	store := newChunks()
	part, _ := r.capture(r.item("shop"), store, nil)
	before := r.factsOf(r.item("shop"))
	only := func(tables ...string) kind.Part {
		some := part
		some.Inside = tables
		return some
	}
	for _, good := range []string{"public.orders", "orders", `public."Strange ""name"""`, `Strange "name"`} {
		require.NoError(t, r.driver.HasInside(t.Context(), part, store, good), good)
	}
	require.ErrorContains(t, r.driver.HasInside(t.Context(), part, store, "nothing"), "has no table nothing")

	r.sql("update orders set customer = 'x'; update lines set n = 7; update odd set f = 4; select nextval('orders_id_seq')")
	after := r.factsOf(r.item("shop"))
	orders := only("orders")
	change, err := r.driver.Preview(t.Context(), r.ws, orders, store)
	require.NoError(t, err)
	require.Equal(t, []string{"sequence public.orders_id_seq", "table public.orders"}, change.Details)
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, orders, store))
	require.Equal(t, []string{"shop: sequence public.orders_id_seq", "shop: table public.orders"}, changed(after, r.factsOf(r.item("shop"))))
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, only("lines", "odd"), store))
	require.Equal(t, before, r.factsOf(r.item("shop")))

	r.sql("delete from lines where o = 3; delete from orders where id = 3")
	require.ErrorContains(t, r.driver.Restore(t.Context(), r.ws, only("lines"), store), "lines_o_fkey of public.lines would be broken")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, only("orders", "lines"), store))
	require.Equal(t, before, r.factsOf(r.item("shop")))

	r.sql("drop table odd; alter table orders add column note text")
	change, err = r.driver.Preview(t.Context(), r.ws, orders, store)
	require.NoError(t, err)
	require.Len(t, change.Conflicts, 1)
	require.Contains(t, change.Conflicts[0], "restore the whole database")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, only("odd"), store))
	r.sql("alter table orders drop column note")
	require.Equal(t, before, r.factsOf(r.item("shop")))

	narrowed, err := r.driver.Narrow(t.Context(), r.ws, orders, store)
	require.NoError(t, err)
	require.False(t, narrowed.Leaves("table public.orders"))
	require.True(t, narrowed.Leaves("table public.odd"))
}

// Between the comparison with the safety snapshot and the exchange somebody
// may write. Without the comparison under the lock (empty) that is lost.
func TestTableThatIsWrittenToMeanwhile(t *testing.T) {
	r := newRig(t)
	r.sql("create table t (n int); insert into t values (1)")
	store := newChunks()
	target, _ := r.capture(r.item("shop"), store, nil)
	r.sql("insert into t values (2)")
	safety, _ := r.capture(r.item("shop"), store, nil)
	safety.Inside, target.Inside = []string{"t"}, []string{"t"}
	look := r.ws.Look()
	change, err := r.driver.Preview(t.Context(), look, safety, store)
	require.NoError(t, err)
	require.Equal(t, kind.ActionNone, change.Action)
	r.sql("insert into t values (3)")
	require.ErrorContains(t, r.driver.Restore(t.Context(), look, target, store), "it was written to while it was being restored")
	require.Equal(t, "3", r.sql("select count(*) from t"))
}

func TestServerAlone(t *testing.T) {
	r := newRig(t)
	r.sql(`create role clerk password 'one' login; create role boss; grant clerk to boss; alter role clerk set work_mem = '5MB';
		create role gone; comment on role boss is 'the boss'`)
	store := newChunks()
	part, _ := r.capture(r.item(""), store, nil)
	before := r.factsOf(r.item(""))
	r.sql(`alter role clerk password 'two' createdb; revoke clerk from boss; drop role gone; create role more; grant clerk to more;
		create role owner; create table t (n int); alter table t owner to owner; alter role boss set work_mem = '1MB'; alter role clerk reset work_mem`)
	change, err := r.driver.Preview(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	require.Equal(t, kind.ActionPatch, change.Action)
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, []string{": role owner"}, changed(before, r.factsOf(r.item(""))), "it owns a table")
	r.sql("drop table t")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, before, r.factsOf(r.item("")))
}
