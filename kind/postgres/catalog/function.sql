select format('schema %s %s', case p.prokind when 'a' then 'aggregate' when 'p' then 'procedure' else 'function' end, p.oid::regprocedure) as name,
       case p.prokind when 'a' then 'aggregate' when 'p' then 'procedure' else 'function' end as word,
       pg_get_userbyid(p.proowner) as owner,
       array_to_string(coalesce(p.proacl, acldefault('f', p.proowner)), e'\n') as acl,
       case when p.prokind <> 'a' then encode(sha256(convert_to(pg_get_functiondef(p.oid), 'UTF8')), 'hex') end as definition,
       nullif(g.aggtransfn::text, '-') as transition,
       format_type(g.aggtranstype, null) as state,
       nullif(g.aggfinalfn::text, '-') as final,
       nullif(g.aggcombinefn::text, '-') as combine,
       g.agginitval as initial,
       obj_description(p.oid, 'pg_proc') as comment
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
left join pg_aggregate g on g.aggfnoid = p.oid
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
