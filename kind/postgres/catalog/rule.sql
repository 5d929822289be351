select format('schema rule %I.%I.%I', n.nspname, c.relname, r.rulename) as name,
       'rule' as word,
       pg_get_ruledef(r.oid) as definition,
       nullif(r.ev_enabled::text, 'O') as enabled,
       obj_description(r.oid, 'pg_rewrite') as comment
from pg_rewrite r
join pg_class c on c.oid = r.ev_class
join pg_namespace n on n.oid = c.relnamespace
where r.rulename <> '_RETURN' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
