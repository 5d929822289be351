select format('schema %s %I.%I', k.word, n.nspname, c.relname) as name,
       k.word as word,
       pg_get_userbyid(c.relowner) as owner,
       array_to_string(coalesce(c.relacl, acldefault('r', c.relowner)), e'\n') as acl,
       case when c.relpersistence = 'u' then 'yes' end as unlogged,
       s.spcname as tablespace,
       nullif(a.amname, 'heap') as method,
       array_to_string(c.reloptions, ',') as options,
       array_to_string(toast.reloptions, ',') as toast_options,
       case when c.relrowsecurity then 'yes' end as row_security,
       case when c.relforcerowsecurity then 'yes' end as force_row_security,
       case when c.relkind in ('r', 'p') and c.relreplident <> 'd' then c.relreplident end as replica_identity,
       case when c.relkind = 'm' and not c.relispopulated then 'no' end as populated,
       case when c.reloftype <> 0 then format_type(c.reloftype, null) end as of_type,
       pg_get_partkeydef(c.oid) as partition_by,
       pg_get_expr(c.relpartbound, c.oid) as bound,
       (select string_agg(i.inhparent::regclass::text, ',' order by i.inhseqno) from pg_inherits i where i.inhrelid = c.oid) as parents,
       (select fs.srvname from pg_foreign_table f join pg_foreign_server fs on fs.oid = f.ftserver where f.ftrelid = c.oid) as server,
       (select nullif(array_to_string(array(select o from unnest(f.ftoptions) o order by o), ','), '') from pg_foreign_table f where f.ftrelid = c.oid) as secret_foreign_options,
       case when c.relkind in ('v', 'm') then encode(sha256(convert_to(pg_get_viewdef(c.oid), 'UTF8')), 'hex') end as definition,
       obj_description(c.oid, 'pg_class') as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join (values ('r', 'table'), ('p', 'table'), ('v', 'view'), ('m', 'matview'), ('f', 'foreign-table')) k (kind, word) on k.kind = c.relkind::text
left join pg_tablespace s on s.oid = c.reltablespace
left join pg_am a on a.oid = c.relam
left join pg_class toast on toast.oid = c.reltoastrelid
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
