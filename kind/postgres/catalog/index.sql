select format('schema index %I.%I', n.nspname, c.relname) as name,
       'index' as word,
       pg_get_indexdef(i.indexrelid) as definition,
       s.spcname as tablespace,
       case when not i.indisvalid then 'no' end as valid,
       case when i.indisclustered then 'yes' end as clustered,
       case when i.indisreplident then 'yes' end as replica_identity,
       obj_description(c.oid, 'pg_class') as comment
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
left join pg_tablespace s on s.oid = c.reltablespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
