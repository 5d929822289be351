select format('role %I', r.rolname) as name,
       'role' as word,
       case when r.rolsuper then 'yes' end as superuser,
       case when not r.rolinherit then 'no' end as inherit,
       case when r.rolcreaterole then 'yes' end as createrole,
       case when r.rolcreatedb then 'yes' end as createdb,
       case when r.rolcanlogin then 'yes' else 'no' end as login,
       case when r.rolreplication then 'yes' end as replication,
       case when r.rolbypassrls then 'yes' end as bypassrls,
       nullif(r.rolconnlimit, -1) as connection_limit,
       r.rolvaliduntil::text as valid_until,
       nullif(r.rolpassword, '********') as secret_password,
       shobj_description(r.oid, 'pg_authid') as comment
from pg_authid r
where r.rolname !~ '^pg_'
