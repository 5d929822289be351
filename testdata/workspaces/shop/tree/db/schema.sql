begin;

create table customers (
    id          bigint generated always as identity primary key,
    email       text not null unique,
    name        text not null,
    city        text,
    preferences jsonb not null default '{}',
    created_at  timestamptz not null
);
create index customers_by_city on customers (city) where city is not null;

create table products (
    id          bigint generated always as identity primary key,
    sku         text not null unique,
    name        text not null,
    description text,
    price       numeric(10, 2) not null check (price >= 0),
    attributes  jsonb not null default '{}',
    tags        text[] not null default '{}'
);
create index products_by_attributes on products using gin (attributes);

create type order_status as enum ('placed', 'paid', 'shipped', 'returned');

create sequence order_numbers start 10001;

create table orders (
    id          bigint generated always as identity primary key,
    number      bigint not null unique default nextval('order_numbers'),
    customer_id bigint not null references customers (id),
    status      order_status not null default 'placed',
    note        text,
    placed_at   timestamptz not null
);
create index orders_by_customer on orders (customer_id, placed_at desc);

create table order_lines (
    order_id   bigint not null references orders (id) on delete cascade,
    line       int not null,
    product_id bigint not null references products (id),
    quantity   int not null check (quantity > 0),
    price      numeric(10, 2) not null,
    primary key (order_id, line)
);

create table jobs (
    id      bigint generated always as identity primary key,
    payload text not null,
    done_at timestamptz not null default now()
);

create view order_totals as
select o.id, o.number, c.name as customer, o.placed_at, o.status, coalesce(sum(l.quantity * l.price), 0) as total
from orders o
join customers c on c.id = o.customer_id
left join order_lines l on l.order_id = o.id
group by o.id, c.name;

create function order_total(wanted bigint) returns numeric
language sql stable as $$ select total from order_totals where id = wanted $$;

comment on table orders is 'One row per order; its lines are in order_lines';

create role reporting nologin;
grant select on order_totals to reporting;

commit;
