select format('schema type %I.%I', n.nspname, t.typname) as name,
       'type' as word,
       case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'c' then 'composite' when 'r' then 'range' else 'base' end as kind,
       pg_get_userbyid(t.typowner) as owner,
       array_to_string(coalesce(t.typacl, acldefault('T', t.typowner)), e'\n') as acl,
       (select string_agg(quote_literal(e.enumlabel), ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as labels,
       case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end as of,
       case when t.typtype = 'd' and t.typnotnull then 'yes' end as not_null,
       t.typdefault as default,
       (select format_type(r.rngsubtype, null) from pg_range r where r.rngtypid = t.oid) as subtype,
       obj_description(t.oid, 'pg_type') as comment
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
left join pg_class c on c.oid = t.typrelid
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and t.typtype in ('e', 'd', 'c', 'r', 'b')
  and (t.typtype <> 'c' or c.relkind = 'c')
  and not exists (select from pg_type element where element.typarray = t.oid)
  and not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
