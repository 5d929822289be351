select format('schema column %I.%I.%I', n.nspname, c.relname, a.attname) as name,
       'column' as word,
       format_type(a.atttypid, a.atttypmod) as type,
       case when a.attnotnull then 'yes' end as not_null,
       case when to_jsonb(a) ->> 'attgenerated' > '' then 'yes' end as generated,
       pg_get_expr(d.adbin, d.adrelid) as default,
       nullif(a.attidentity::text, '') as identity,
       case when a.attcollation <> t.typcollation then (select format('%I.%I', cn.nspname, co.collname) from pg_collation co join pg_namespace cn on cn.oid = co.collnamespace where co.oid = a.attcollation) end as collation,
       case when a.attstorage <> t.typstorage then a.attstorage end as storage,
       nullif(to_jsonb(a) ->> 'attcompression', '') as compression,
       nullif(a.attstattarget, -1) as statistics,
       array_to_string(a.attoptions, ',') as options,
       nullif(array_to_string(array(select o from unnest(a.attfdwoptions) o order by o), ','), '') as secret_foreign_options,
       array_to_string(a.attacl, e'\n') as acl,
       col_description(c.oid, a.attnum) as comment
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and a.attnum > 0 and not a.attisdropped
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
