select format('schema extension %I', e.extname) as name,
       'extension' as word,
       e.extversion as version,
       n.nspname as schema,
       pg_get_userbyid(e.extowner) as owner,
       obj_description(e.oid, 'pg_extension') as comment
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
