select format('schema constraint %I.%I.%I', n.nspname, coalesce(c.relname, t.typname), o.conname) as name,
       'constraint' as word,
       pg_get_constraintdef(o.oid) as definition,
       obj_description(o.oid, 'pg_constraint') as comment
from pg_constraint o
join pg_namespace n on n.oid = o.connamespace
left join pg_class c on c.oid = o.conrelid
left join pg_type t on t.oid = o.contypid
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and o.contype <> 't'
