select format('tablespace %I', t.spcname) as name,
       'tablespace' as word,
       pg_get_userbyid(t.spcowner) as owner,
       pg_tablespace_location(t.oid) as location,
       array_to_string(t.spcoptions, ',') as options,
       array_to_string(coalesce(t.spcacl, acldefault('t', t.spcowner)), e'\n') as acl,
       shobj_description(t.oid, 'pg_tablespace') as comment
from pg_tablespace t
