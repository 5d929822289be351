package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// schema has every type whose text or hash is a trap, and one object of most kinds.
const schema = `
create table orders (id bigint generated always as identity primary key, customer text, total numeric(10,2) default 0, placed_at timestamptz);
create index orders_customer on orders (customer);
insert into orders (customer, total, placed_at)
	select 'customer ' || n, n * 1.10, timestamptz '2024-03-31 02:30:00+00' + n * interval '1 hour' from generate_series(1, 500) n;
create table odd (j json, x xml, p point, f float8, b bytea, m money, i interval, a text[]);
insert into odd values ('{"b": 1, "a": [null]}', '<a>1</a>', '(1,2)', 0.1::float8 + 0.2, '\xdeadbeef', '12.50', '1 day 02:03:04', '{a,NULL,""}');
insert into odd (f) values ('NaN'), ('-0'), (0), ('Infinity'), ('-Infinity'), (5e-324), (1.7976931348623157e308);
create table "Strange ""name""" (t text);
create table empty ();
create unlogged table cache (k text);
create materialized view totals as select count(*) from orders;
create view recent as select * from orders where placed_at > '2024-04-01';
create sequence numbers start 10001;
create sequence drawn;
select nextval('drawn');
create type mood as enum ('calm', 'tense');
create domain percent as int check (value between 0 and 100);
create function twice(n int) returns int language sql as 'select 2 * n';
create aggregate longest(text) (sfunc = textcat, stype = text);
create function touch() returns trigger language plpgsql as 'begin return new; end';
create trigger touched before update on orders for each row execute function touch();
create role clerk;
grant select on orders to clerk;
create policy own on orders to clerk using (customer = current_user);
create statistics related on customer, total from orders;
create publication news for table orders;
alter database shop set work_mem = '8MB';
alter role clerk in database shop set app.token = 'quite secret';
comment on table orders is 'what was ordered';
create table events (at timestamptz) partition by range (at);
create table events_2024 partition of events for values from ('2024-01-01') to ('2025-01-01');
insert into events values ('2024-05-05');
select lo_from_bytea(4711, 'large');
`

func TestOneChangeIsOneFact(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	before := r.facts()
	require.Contains(t, before, `shop: table public."Strange ""name"""`)
	require.Regexp(t, `^500 rows, [0-9a-f]{32}$`, before["shop: table public.orders"])
	for _, change := range []struct{ name, sql, fact string }{
		{"value", `update orders set customer = 'x' where id = 7`, "shop: table public.orders"},
		{"row added", `insert into odd values ('1')`, "shop: table public.odd"},
		{"row removed", `delete from orders where id = 8`, "shop: table public.orders"},
		{"row twice", `insert into "Strange ""name""" values ('a')`, `shop: table public."Strange ""name"""`},
		{"row twice again", `insert into "Strange ""name""" values ('a')`, `shop: table public."Strange ""name"""`},
		{"null is not empty", `update "Strange ""name""" set t = null where ctid = '(0,1)'`, `shop: table public."Strange ""name"""`},
		{"empty is not null", `update "Strange ""name""" set t = '' where t is null`, `shop: table public."Strange ""name"""`},
		{"row without columns", `insert into empty default values`, "shop: table public.empty"},
		{"form of json", `update odd set j = '{"b":1, "a": [null]}' where j::text like '{%'`, "shop: table public.odd"},
		{"minus zero is not zero", `update odd set f = 0 where f::text = '-0'`, "shop: table public.odd"},
		{"infinity", `update odd set f = '-Infinity' where f = 'Infinity'`, "shop: table public.odd"},
		{"not a number", `update odd set f = 1 where f = 'NaN'`, "shop: table public.odd"},
		{"place", `update odd set p = '(1,3)' where p is not null`, "shop: table public.odd"},
		{"form of xml", `update odd set x = '<a >1</a>' where x is not null`, "shop: table public.odd"},
		{"last bit of a float", `update odd set f = 0.3 where f is not null`, "shop: table public.odd"},
		{"unlogged row", `insert into cache values ('k')`, "shop: table public.cache"},
		{"partition", `insert into events values ('2024-05-06')`, "shop: table public.events_2024"},
		{"column default", `alter table orders alter total set default 1`, "shop: schema column public.orders.total"},
		{"column not null", `alter table orders alter customer set not null`, "shop: schema column public.orders.customer"},
		{"column statistics", `alter table orders alter customer set statistics 7`, "shop: schema column public.orders.customer"},
		{"column privilege", `grant update (total) on orders to clerk`, "shop: schema column public.orders.total"},
		{"constraint", `alter table orders add constraint positive check (total >= 0)`, "shop: schema constraint public.orders.positive"},
		{"index dropped", `drop index orders_customer`, "shop: schema index public.orders_customer"},
		{"index comment", `comment on index orders_pkey is 'key'`, "shop: schema index public.orders_pkey"},
		{"owner", `alter table odd owner to clerk`, "shop: schema table public.odd"},
		{"comment", `comment on table orders is 'orders'`, "shop: schema table public.orders"},
		{"privilege", `revoke select on orders from clerk`, "shop: schema table public.orders"},
		{"storage option", `alter table orders set (fillfactor = 80)`, "shop: schema table public.orders"},
		{"row security", `alter table orders enable row level security`, "shop: schema table public.orders"},
		{"view", `create or replace view recent as select * from orders where placed_at > '2024-04-02'`, "shop: schema view public.recent"},
		{"materialized view", `refresh materialized view totals`, "shop: matview public.totals"},
		{"sequence drawn", `select nextval('drawn')`, "shop: sequence public.drawn"},
		{"first of a sequence", `select nextval('numbers')`, "shop: sequence public.numbers"},
		{"sequence definition", `alter sequence numbers cache 5`, "shop: schema sequence public.numbers"},
		{"type", `alter type mood add value 'glad' before 'tense'`, "shop: schema type public.mood"},
		{"domain", `alter domain percent set default 50`, "shop: schema type public.percent"},
		{"domain constraint", `alter domain percent drop constraint percent_check`, "shop: schema constraint public.percent.percent_check"},
		{"function", `create or replace function twice(n int) returns int language sql as 'select n + n'`, "shop: schema function public.twice(integer)"},
		{"trigger", `alter table orders disable trigger touched`, "shop: schema trigger public.orders.touched"},
		{"policy", `alter policy own on orders using (true)`, "shop: schema policy public.orders.own"},
		{"publication", `alter publication news add table odd`, "shop: schema publication news"},
		{"extended statistics", `drop statistics related`, "shop: schema statistics public.related"},
		{"schema", `create schema more`, "shop: schema namespace more"},
		{"default privileges", `alter default privileges in schema more grant select on tables to clerk`, `shop: schema default-privileges shop r in more`},
		{"operator", `create function plus(mood, mood) returns int language sql as 'select 1'; create operator + (leftarg = mood, rightarg = mood, function = plus); drop function plus cascade; create cast (mood as int) with inout`, "shop: schema cast (public.mood AS integer)"},
		{"database setting", `alter database shop set work_mem = '9MB'`, "shop: setting work_mem"},
		{"secret setting of a role", `alter role clerk in database shop set app.token = 'other'`, "shop: setting app.token of role clerk"},
		{"database comment", `comment on database shop is 'shop'`, "shop: database"},
		{"database privilege", `grant create on database shop to clerk`, "shop: database"},
		{"connection limit", `alter database shop connection limit 50`, "shop: database"},
		{"role", `alter role clerk createdb`, ": role clerk"},
		{"password", `alter role clerk password 'very secret'`, ": role clerk"},
		{"membership", `grant pg_monitor to clerk`, ": role clerk in pg_monitor"},
		{"role setting", `alter role clerk set work_mem = '1MB'`, ": setting work_mem of role clerk"},
		{"template", `comment on database template1 is 'mine'`, ": database template1"},
		{"large object", `select lo_put(4711, 0, 'L')`, "shop: large objects"},
		{"large object's owner", `alter large object 4711 owner to clerk`, "shop: large objects"},
	} {
		r.sql(change.sql)
		after := r.facts()
		require.Equal(t, []string{change.fact}, changed(before, after), change.name)
		before = after
	}
	for name, value := range before {
		require.NotContains(t, value, "secret", name)
		require.NotContains(t, value, "SCRAM", name)
	}
}

// P8: facts do not depend on settings. Fails without each of those that are pinned
// and that are changed here.
func TestSameStateSameFacts(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	before := r.facts()
	r.sql(`update orders set customer = customer where id % 3 = 0; update odd set j = j, x = x, p = p, f = f, b = b, a = a`)
	require.Empty(t, changed(before, r.facts()), "rows rewritten")
	r.sql(`alter role shop set timezone = 'Asia/Tokyo'; alter role shop set extra_float_digits = -3; alter role shop set intervalstyle = 'iso_8601'`)
	r.sql(`alter role shop reset all`)
	r.sql(`vacuum full`)
	require.Empty(t, changed(before, r.facts()), "VACUUM FULL")
	r.sql(`analyze; reindex database shop; checkpoint`)
	require.Empty(t, changed(before, r.facts()), "maintenance")
	r.sql(`alter system set timezone = 'America/New_York'; alter system set extra_float_digits = 0; alter system set bytea_output = 'escape';
		alter system set intervalstyle = 'iso_8601'; alter system set datestyle = 'german'; alter system set statement_timeout = '1ms';
		alter system set search_path = 'pg_catalog'; alter system set quote_all_identifiers = on; alter system set idle_in_transaction_session_timeout = '1ms'`)
	testbed.Docker(t, "restart", r.container)
	r.find()
	require.Empty(t, changed(before, r.facts()), "restarted in another time zone")
}
