select format('schema sequence %I.%I', n.nspname, c.relname) as name,
       'sequence' as word,
       pg_get_userbyid(c.relowner) as owner,
       array_to_string(coalesce(c.relacl, acldefault('s', c.relowner)), e'\n') as acl,
       case when c.relpersistence = 'u' then 'yes' end as unlogged,
       format_type(s.seqtypid, null) as type,
       s.seqstart as start,
       s.seqincrement as increment,
       s.seqmin as min,
       s.seqmax as max,
       s.seqcache as cache,
       case when s.seqcycle then 'yes' end as cycle,
       (select format('%s.%I', d.refobjid::regclass, a.attname)
        from pg_depend d
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
          and d.refobjsubid > 0 and d.deptype in ('a', 'i') limit 1) as owned_by,
       obj_description(c.oid, 'pg_class') as comment
from pg_sequence s
join pg_class c on c.oid = s.seqrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
