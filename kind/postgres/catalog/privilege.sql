select format('schema default-privileges %I %s', pg_get_userbyid(a.defaclrole), a.defaclobjtype)
           || coalesce(format(' in %I', n.nspname), '') as name,
       'default-privileges' as word,
       array_to_string(a.defaclacl, e'\n') as acl
from pg_default_acl a
left join pg_namespace n on n.oid = a.defaclnamespace
