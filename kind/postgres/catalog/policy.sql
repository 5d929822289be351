select format('schema policy %I.%I.%I', n.nspname, c.relname, p.polname) as name,
       'policy' as word,
       p.polcmd::text as command,
       case when not p.polpermissive then 'yes' end as restrictive,
       (select string_agg(case when r = 0 then 'public' else quote_ident(pg_get_userbyid(r)) end, e'\n') from unnest(p.polroles) r) as acl,
       pg_get_expr(p.polqual, p.polrelid) as using,
       pg_get_expr(p.polwithcheck, p.polrelid) as check,
       obj_description(p.oid, 'pg_policy') as comment
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
