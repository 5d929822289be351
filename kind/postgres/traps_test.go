package postgres_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/postgres"
)

// P2, P10: a server that recovers empties unlogged tables, and moves sequences
// ahead that were drawn from since its last checkpoint. Fails without putBack,
// if triggers fire meanwhile (refill), and, of a database that is too large to be
// read each time, if those tables are not read all the same (reads).
func TestWhatRecoveryLosesComesBack(t *testing.T) {
	r := newRig(t)
	r.sql(`create table t (n int); create unlogged table cache (k int, twice int generated always as (k * 2) stored);
		create sequence s; create unlogged table empty (n int); checkpoint;
		create function refuse() returns trigger language plpgsql as 'begin raise ''no''; end';
		create trigger refuse before insert or delete on cache for each row execute function refuse(); alter table cache disable trigger refuse;
		insert into cache select generate_series(1, 1000); select count(nextval('s')) from generate_series(1, 300);
		alter table cache enable trigger refuse`)
	store := newChunks()
	r.ws.Dumps = "never" // it has to come back all the same
	part, before := r.capture(r.item("shop"), store, nil)
	testbed.Docker(t, "kill", r.container)
	testbed.Docker(t, "start", r.container)
	require.NoError(t, r.driver.WaitHealthy(t.Context(), r.ws, part, store))
	require.Equal(t, []string{"shop: sequence public.s", "shop: table public.cache"}, changed(before, r.factsOf(r.item("shop"))), "recovery lost something")
	r.sql("insert into empty values (1); set session_replication_role = replica; insert into cache values (1001)") // somebody was first
	require.NoError(t, r.driver.Start(t.Context(), r.ws, part, store))
	require.Equal(t, before, r.factsOf(r.item("shop")))
	require.NoError(t, r.driver.Start(t.Context(), r.ws, part, store))
	require.Equal(t, before, r.factsOf(r.item("shop")), "twice is the same as once")

	testbed.Docker(t, "exec", r.container, "sh", "-c", madeLarge)
	part, _ = r.capture(r.item("shop"), store, nil)
	_, stored := part.Object("table/public.t")
	require.False(t, stored, "it is too large")
	testbed.Docker(t, "kill", r.container)
	testbed.Docker(t, "start", r.container)
	require.NoError(t, r.driver.Start(t.Context(), r.ws, part, store))
	require.Equal(t, "1000|500500", r.sql("select count(*), sum(k) from cache"))
}

// P10: sequences are where they were, without anything being put back, in files
// that are captured after Hold. Fails without the checkpoint in it.
func TestSequencesDoNotJump(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql("create sequence s")
	c, err := r.driver.Open(t.Context(), r.ws, r.item(""), newChunks())
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.(kind.Preparer).Prepare(t.Context()))
	r.sql("select count(nextval('s')) from generate_series(1, 300)")
	require.NoError(t, c.(kind.Holder).Hold(t.Context()))
	testbed.Docker(t, "kill", r.container)
	testbed.Docker(t, "start", r.container)
	r.untilItAnswers()
	require.Equal(t, "300", r.sql("select last_value from s"))
}

// A snapshot of one server is not restored onto another by accident, and a dump
// is not where the server lacks what it uses. Fails without checkSystem.
func TestDumpIsKeptFromAnotherServer(t *testing.T) {
	r := newRig(t)
	r.sql(schema + whole)
	store := newChunks()
	part, _ := r.capture(r.item("shop"), store, nil)
	roles, _ := r.capture(r.item(""), store, nil)
	want := r.factsOf(r.item("shop"))

	testbed.Require(t, "trixie")
	container, _ := startServer(t, "trixie", "--network=none", "--env=POSTGRES_USER=shop", "--env=PGPORT=6543")
	other := rigOn(t, container)
	moved := func(p kind.Part) kind.Part {
		p.RunsIn, p.Needs = kind.ID{Kind: "container", Name: container}, nil
		return p
	}
	change, err := other.driver.Preview(t.Context(), other.ws, moved(part), store)
	require.NoError(t, err)
	require.Len(t, change.Conflicts, 1)
	require.Contains(t, change.Conflicts[0], "another server")
	require.ErrorContains(t, other.driver.Restore(t.Context(), other.ws, moved(part), store), "-o postgres.other-server=yes")

	// Another major version: every row and every sequence is the same, and
	// what it says about definitions is what it says in its own words.
	other.ws.Options = map[string]string{"postgres.other-server": "yes"}
	require.ErrorContains(t, other.driver.Restore(t.Context(), other.ws, moved(part), store), "restore the roles of the server first")
	require.NoError(t, other.driver.Restore(t.Context(), other.ws, moved(roles), store))
	require.NoError(t, other.driver.Restore(t.Context(), other.ws, moved(part), store))
	have := other.factsOf(kind.Item{ID: part.ID, RunsIn: kind.ID{Kind: "container", Name: container}})
	for name, value := range want {
		if hasAnyPrefix(name, "shop: table ", "shop: sequence ", "shop: matview ", "shop: large objects", "shop: schema constraint ", "shop: schema index ") {
			require.Equal(t, value, have[name], name)
		}
	}
	require.Equal(t, []string(nil), missing(want, have))
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// missing lists the facts that only the first has.
func missing(want, have map[string]string) []string {
	var names []string
	for _, name := range changed(want, have) {
		if _, ok := have[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// P4: files go to no server that would refuse them, or read its indexes on text
// in another order. Fails without the comparison of each of these (misfits).
func TestFilesAreKeptFromAServerThatReadsThemWrongly(t *testing.T) {
	r := newRig(t)
	r.sql("create extension hstore; create collation german (provider = icu, locale = 'de'); create table t (name text collate german primary key)")
	store := newChunks()
	part, _ := r.capture(r.item("shop"), store, nil)
	object, ok := part.Object("meta")
	require.True(t, ok)
	var meta map[string]any
	require.NoError(t, json.Unmarshal([]byte(read(t, store, part, "meta")), &meta))
	platform := meta["platform"].(map[string]any)
	require.Contains(t, platform["sorts"], "icu de")
	require.Contains(t, platform["sorts"], "icu und")
	altered := func(change func()) kind.Part {
		text, err := json.Marshal(meta)
		require.NoError(t, err)
		change()
		changed, err := json.Marshal(meta)
		require.NoError(t, err)
		store.byID[object.Chunks[0]] = changed
		other := part
		other.Objects = slices.Clone(part.Objects)
		other.Objects[slices.IndexFunc(other.Objects, func(o kind.Object) bool { return o.Name == "meta" })].Size = int64(len(changed))
		meta = nil
		require.NoError(t, json.Unmarshal(text, &meta))
		platform = meta["platform"].(map[string]any)
		return other
	}
	fits := func(change func()) []string {
		reasons, err := r.driver.Fits(t.Context(), r.ws, r.item(""), altered(change), store)
		require.NoError(t, err)
		return reasons
	}
	require.Empty(t, fits(func() { platform["major"] = 9 }), "it is the same image")
	meta["image"] = "sha256:another"
	require.Empty(t, fits(func() {}), "another image, which has the same")
	for want, change := range map[string]func(){
		"Postgres 15, which does not read the files of Postgres 14":                func() { platform["major"] = 14 },
		"and the files were written by one built for x86_64-pc-linux-musl":         func() { platform["build"] = "x86_64-pc-linux-musl" },
		"another version of the collation icu de (":                                func() { platform["sorts"] = map[string]any{"icu de": "1.0"} },
		"another version of the collation libc (none, was 2.28)":                   func() { platform["sorts"] = map[string]any{"libc": "2.28"} },
		"not the extensions that the database uses (other)":                        func() { platform["extensions"] = map[string]any{"other": "1", "hstore": "1"} },
		"restore container/" + r.container + " along with them, which brings back": func() { platform["major"] = 14 },
		"or restore the dump alone (--only 'postgres/" + r.container + "/shop')":   func() { platform["major"] = 14 },
	} {
		reasons := fits(change)
		require.Len(t, reasons, 1, want)
		require.Contains(t, reasons[0], want)
	}

	// A dump needs the extensions, too (missingExtensions).
	r.sql("insert into t values ('a')")
	change, err := r.driver.Preview(t.Context(), r.ws, altered(func() { platform["extensions"] = map[string]any{"other": "1", "hstore": "1"} }), store)
	require.NoError(t, err)
	require.Len(t, change.Conflicts, 1)
	require.Contains(t, change.Conflicts[0], "the server does not have the extension other")
	testbed.Docker(t, "stop", r.container)
	require.Contains(t, fits(func() {})[0], "start it, so that it can say which files it reads")
}

// P7: what plain dumps lose (options of the database, privileges, a stale
// materialized view, large objects) and all that a schema may have. An event
// trigger of it does not act on what fills the view (withoutTriggers).
func TestWholeRangeComesBackFromItsDump(t *testing.T) {
	r := newRig(t)
	r.sql(schema + whole)
	store := newChunks()
	part, captured := r.capture(r.item("shop"), store, nil)
	require.NotContains(t, captured, "shop: table public.far", "it is elsewhere")
	defined := r.definitions()
	r.sql("insert into orders (customer) values ('after')") // the view is stale by now, and was before
	change, err := r.driver.Preview(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	require.Empty(t, change.Conflicts)
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Empty(t, changed(captured, r.factsOf(r.item("shop"))))
	require.Equal(t, defined, r.definitions(), "what the server's own program says of it")
	require.Equal(t, "42", r.sql("select f_atomic(41)"))
	require.Equal(t, "t", r.sql("select count(*) < (select count(*) from orders) from (select 1 from stale) s"))
}

// definitions are those that pg_dump writes, without the keys that it makes up.
func (r *rig) definitions() string {
	r.Helper()
	script := testbed.Exec(r, r.container, "pg_dump", "--username=shop", "--schema-only", "--create", "shop")
	return regexp.MustCompile(`(?m)^\\(un)?restrict .*$`).ReplaceAllString(script, "")
}

// Faults: a lock that is held for ever, a server that ends in the middle, a
// dump with a hole. The live database is as it was, and nothing is left.
func TestRestoresThatFail(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	store := newChunks()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql("delete from orders")
	before := r.facts()
	object, ok := part.Object("table/public.orders")
	require.True(t, ok)
	whole := store.byID[object.Chunks[0]]
	for name, damaged := range map[string][]byte{"cut": whole[:len(whole)/2], "longer": append([]byte("9999\tx\t1.00\t2024-03-31 09:30:00+00\n"), whole...),
		"another row": bytes.Replace(whole, []byte("customer 7"), []byte("customer x"), 1)} {
		store.byID[object.Chunks[0]] = damaged
		require.Error(t, r.driver.Restore(t.Context(), r.ws, part, store), name)
		require.Equal(t, before, r.facts(), name)
		require.Equal(t, "0", r.sql("select count(*) from pg_database where datname like '%dogear%'"), name)
	}
	store.byID[object.Chunks[0]] = whole

	locked := part
	locked.Inside = []string{"orders"}
	holder := exec.Command("docker", "exec", r.container, "psql", "-XqU", "shop", "-d", "shop", "-c", "begin; lock table orders; select pg_sleep(600)")
	require.NoError(t, holder.Start())
	testbed.Eventually(t, time.Minute, "the table is locked", func() bool {
		return r.sql("select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted and relation = 'orders'::regclass") == "1"
	})
	done := make(chan error, 1)
	go func() { done <- r.driver.Restore(t.Context(), r.ws, part, store) }()
	require.NoError(t, <-done, "the exchange of a database waits for no lock")
	require.Error(t, holder.Wait(), "its session was ended")
}

// Databases on the host are named by address. A host that is not this machine
// is named, so that nothing is written there without being asked for.
func TestServersByAddress(t *testing.T) {
	server := testbed.Postgres(t)
	config, err := pgx.ParseConfig(server.DSN)
	require.NoError(t, err)
	r := &rig{TB: t, driver: postgres.New(nil), container: server.Container}
	r.ws = &kind.Workspace{
		Root: t.TempDir(), Cache: memory{}, Redact: func(s string) string { return kind.Sum([]byte(s)).String()[:16] },
		Variables: map[string]string{"PW": config.Password},
	}
	port := strconv.Itoa(int(config.Port))
	section := func(dsn, databases string) {
		text, err := json.Marshal(map[string]any{"servers": map[string]any{"main": map[string]any{"dsn": dsn, "databases": json.RawMessage(databases)}}})
		require.NoError(t, err)
		r.ws.Config = map[string]json.RawMessage{"postgres": text}
	}
	find := func() (names []string) {
		items, err := r.driver.Find(t.Context(), r.ws, nil)
		require.NoError(t, err)
		r.items = items
		for _, item := range items {
			names = append(names, item.ID.String())
			require.Empty(t, item.Claims)
		}
		return names
	}
	section("postgres://shop:${PW}@127.0.0.1:"+port+"/shop", "null")
	require.Equal(t, []string{"postgres/main/shop"}, find())
	r.sql(schema)
	store := newChunks()
	part, captured := r.capture(r.items[0], store, nil)
	require.Empty(t, part.Gaps)
	r.sql(wreck)
	change, err := r.driver.Preview(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	require.Empty(t, change.Conflicts)
	require.Empty(t, change.Remote)
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, captured, r.factsOf(r.items[0]))
	for _, chunk := range store.byID {
		require.NotContains(t, string(chunk), config.Password)
	}

	section("postgres://shop:${PW}@127.0.0.1:"+port+"/shop", `["*"]`)
	require.Equal(t, []string{"postgres/main", "postgres/main/postgres", "postgres/main/shop"}, find())
	section("postgres://shop:very-wrong@127.0.0.1:"+port+"/shop", "null")
	require.Equal(t, []string{"postgres/main/shop"}, find())
	silent, _ := r.capture(r.items[0], store, nil)
	require.Len(t, silent.Gaps, 1)
	require.Contains(t, silent.Gaps[0].Why, "password authentication failed")
	require.NotContains(t, silent.Gaps[0].Why, "very-wrong")
	section("postgres://shop:${NOT_THERE}@127.0.0.1/shop", "null")
	_, err = r.driver.Find(t.Context(), r.ws, nil)
	require.ErrorContains(t, err, "no variable NOT_THERE")
}

// whole is what schema lacks of the range of Postgres.
const whole = `
create extension hstore version '1.4'; create extension citext; create extension pg_trgm; create extension btree_gist; create extension postgres_fdw;
create collation german (provider = icu, locale = 'de'); create schema "other place"; comment on schema "other place" is 'it''s; $$here$$';
create type pair as (a int, b text); create type span as range (subtype = float8); create domain email as citext check (value ~ '@');
create table "other place"."Odd; name" ("a""b" pair, s span, tags text[][], h hstore, e email collate "C", g text collate german, primary key (s));
insert into "other place"."Odd; name" values (row(1, 'x'), '[1,2)', '{{a,b},{c,NULL}}', 'k=>v', 'A@b', 'ß');
create table parent (id int primary key, note text); create table child (extra int) inherits (parent);
insert into parent values (1, 'p'); insert into child values (2, 'c', 3);
create table "circle a" (id int primary key, b int); create table circle_b (id int primary key, a int references "circle a" deferrable initially deferred);
alter table "circle a" add constraint there foreign key (b) references circle_b deferrable initially deferred;
begin; insert into "circle a" values (1, 1); insert into circle_b values (1, 1); commit;
create table rooms (room int, during tstzrange, exclude using gist (room with =, during with &&));
insert into rooms values (1, '[2024-01-01,2024-01-02)');
create table made (id int generated by default as identity (start 100 increment 5), n numeric, double numeric generated always as (n * 2) stored);
insert into made (n) values (1.5), ('NaN');
create table logs (at date, region text, n int) partition by list (region);
create table logs_eu partition of logs for values in ('eu') partition by range (at);
create table logs_eu_24 partition of logs_eu for values from ('2024-01-01') to ('2025-01-01'); create table logs_rest partition of logs default;
create index on logs (n); alter table logs add primary key (at, region); insert into logs values ('2024-05-05', 'eu', 1), ('2020-01-01', 'us', 2);
create function f_atomic(n int) returns int language sql begin atomic select n + 1; end;
create procedure p_do(inout n int) language plpgsql as $p$ begin n := n + 1; -- ; 'quote
commit; end $p$;
create function no_drop() returns event_trigger language plpgsql as $$ begin if current_setting('application_name') = 'dogear' then raise 'no'; end if; end $$;
create event trigger watch on sql_drop execute function no_drop();
create view v1 as select id, note from only parent; create view v2 with (security_barrier) as select * from v1 where id > 0; create view v3 as select count(*) from v2;
create rule notes as on insert to v1 do instead insert into parent values (new.id, new.note);
create materialized view stale as select * from parent; create unique index on stale (id); create materialized view never as select 1 as one with no data; insert into parent values (9, 'later');
create server far_server foreign data wrapper postgres_fdw options (host 'nowhere', dbname 'x'); create user mapping for shop server far_server options (user 'u', password 'p');
create foreign table far (n int) server far_server options (table_name 't');
create text search configuration plain_german (copy = german); alter text search configuration plain_german drop mapping for url;
create table docs (body text, words tsvector generated always as (to_tsvector('pg_catalog.german', body)) stored); create index on docs using gin (words);
create index on docs using gin (body gin_trgm_ops); insert into docs (body) values ('Häuser und Bäume');
create operator === (leftarg = int, rightarg = int, function = int4eq, commutator = ===); create aggregate glue(text) (sfunc = textcat, stype = text, initcond = '');
alter table docs enable row level security; create policy readers on docs for select to clerk using (true); alter table docs replica identity full;
create trigger words before update of body on docs for each row when (old.body is distinct from new.body) execute function touch();
alter table docs alter body set storage external;
grant usage on schema "other place" to clerk; alter default privileges in schema "other place" grant select on tables to clerk;
create unlogged table fleeting as select generate_series(1, 10) n; create index partial on fleeting (n) where n > 5;
create function absolute(int) returns int language internal immutable strict as 'int4abs';
create function alike(text, text) returns float4 language c immutable strict as '$libdir/pg_trgm', 'similarity';
create table many (days datemultirange, at timestamptz[], primary key (days)); insert into many values ('{[2024-01-01,2024-02-01),[2024-03-01,2024-04-01)}', '{2024-01-01,infinity}');
create table dropped (a int, b int, c int); alter table dropped drop column b; insert into dropped values (1, 3);
create table logs_us (n int, junk int, region text not null, at date not null); alter table logs_us drop column junk;
alter table logs attach partition logs_us for values in ('us2'); insert into logs values ('2024-05-06', 'us2', 3);
create table typed of pair (primary key (a)); insert into typed values (1, 'of a type');
create function backwards(int, int) returns int language sql immutable as 'select btint4cmp($2, $1)';
create operator class backwards for type int4 using btree as operator 1 >, operator 2 >=, operator 3 =, operator 4 <=, operator 5 <, function 1 backwards(int, int);
create index on made (id backwards); create unique index on made (n) nulls not distinct; alter table made cluster on made_n_idx;
create conversion latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8; create text search dictionary words (template = simple, stopwords = english);
create collation careless (provider = icu, locale = 'und-u-ks-level2', deterministic = false); create domain short as text[] collate careless check (cardinality(value) < 5);
create table careless (s short, t text collate careless unique); insert into careless values ('{a}', 'Same'); create view invoked with (security_invoker) as select * from careless;
create statistics expressed on (n % 2), (lower(region)) from logs; create publication partly for table made (id) where (id > 5) with (publish = 'insert');
create constraint trigger late after insert on parent deferrable initially deferred for each row execute function touch();
create trigger counted after insert on parent referencing new table as added for each statement execute function touch();
alter table docs alter body set compression pglz; create access method another type table handler heap_tableam_handler; create table elsewhere (n int) using another; insert into elsewhere values (1);
comment on constraint there on "circle a" is 'round'; comment on column docs.body is E'tab\there';
select lo_put(4711, 5000, 'far'), lo_from_bytea(4712, ''); grant select on large object 4712 to clerk; alter large object 4711 owner to clerk; comment on large object 4712 is 'empty';
`
