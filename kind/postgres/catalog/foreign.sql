-- Options hold passwords.
select format('schema foreign-data-wrapper %I', w.fdwname) as name,
       'foreign-data-wrapper' as word,
       pg_get_userbyid(w.fdwowner) as owner,
       array_to_string(coalesce(w.fdwacl, acldefault('F', w.fdwowner)), e'\n') as acl,
       null as wrapper,
       nullif(array_to_string(array(select o from unnest(w.fdwoptions) o order by o), ','), '') as secret_options
from pg_foreign_data_wrapper w
union all
select format('schema foreign-server %I', s.srvname),
       'foreign-server',
       pg_get_userbyid(s.srvowner),
       array_to_string(coalesce(s.srvacl, acldefault('S', s.srvowner)), e'\n'),
       (select w.fdwname from pg_foreign_data_wrapper w where w.oid = s.srvfdw),
       concat_ws(',', s.srvtype, s.srvversion, nullif(array_to_string(array(select o from unnest(s.srvoptions) o order by o), ','), ''))
from pg_foreign_server s
union all
select format('schema user-mapping %I for %I', m.srvname, m.usename),
       'user-mapping',
       null, null, null,
       nullif(array_to_string(array(select o from unnest(m.umoptions) o order by o), ','), '')
from pg_user_mappings m
