select format('schema namespace %I', n.nspname) as name,
       'namespace' as word,
       pg_get_userbyid(n.nspowner) as owner,
       array_to_string(coalesce(n.nspacl, acldefault('n', n.nspowner)), e'\n') as acl,
       obj_description(n.oid, 'pg_namespace') as comment
from pg_namespace n
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
