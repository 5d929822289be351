-- Every value follows from its row number alone, so that two layouts of this workspace have the same content.
begin;

insert into customers (email, name, city, preferences, created_at)
select
    lower(first) || '.' || i || '@example.com',
    first || ' ' || last,
    case when i % 11 = 0 then null else city end,
    jsonb_build_object('language', (array['en', 'de', 'fr', 'ja'])[1 + i % 4], 'newsletter', i % 3 = 0),
    timestamptz '2024-01-05 08:00:00+00' + i * interval '97 minutes'
from (
    select
        i,
        (array['Ana', 'Ben', 'Chloe', 'Dmitri', 'Ewa', 'Farid', 'Grace', 'Hiro'])[1 + i % 8] as first,
        (array['Müller', 'O''Brien', 'Łukasiewicz', '田中', 'Núñez', 'Smith', 'D''Angelo'])[1 + i % 7] as last,
        (array['Zürich', 'Oslo', 'København', '東京', 'Porto', 'Leeds'])[1 + i % 6] as city
    from generate_series(1, 800) as i
) as people;

insert into products (sku, name, description, price, attributes, tags)
select
    'P-' || lpad(i::text, 4, '0'),
    (array['Teapot', 'Filter coffee', 'Notebook A5', 'Lampe «Étoile»', 'Wool socks', 'Desk mat'])[1 + i % 6]
        || ' No. ' || i,
    case when i % 9 = 0 then null else 'Hand-picked. ☕ Batch ' || md5('batch' || i) end,
    (199 + i * 7919 % 9800) / 100.0,
    jsonb_build_object('weight_g', 50 + i * 13 % 900, 'colour', (array['red', 'blue', 'green'])[1 + i % 3]),
    case when i % 4 = 0 then array['sale', 'new'] when i % 4 = 1 then array['gift'] else '{}' end
from generate_series(1, 250) as i;

insert into orders (customer_id, status, note, placed_at)
select
    1 + i * 7919 % 800,
    (array['placed', 'paid', 'shipped', 'returned']::order_status[])[1 + i % 4],
    case when i % 5 = 0 then E'Please ring twice.\n\tSecond floor — «Dogear»' end,
    timestamptz '2024-03-01 00:00:00+00' + i * interval '41 minutes'
from generate_series(1, 2400) as i;

insert into order_lines (order_id, line, product_id, quantity, price)
select o.id, n, p.id, 1 + (o.id + n) % 4, p.price
from orders o
cross join generate_series(1, 3) as n
join products p on p.id = 1 + (o.id * 31 + n * 17) % 250
where n <= 1 + o.id % 3;

insert into jobs (payload, done_at)
select 'invoice ' || 10000 + i, timestamptz '2024-05-01 12:00:00+00' + i * interval '3 minutes'
from generate_series(1, 60) as i;

commit;
