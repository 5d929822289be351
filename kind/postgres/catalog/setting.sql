-- ALTER DATABASE SET and ALTER ROLE SET. $1: of this database; null: of roles in all databases.
-- Programs keep secrets in settings of their own, which have a dot in the name.
select 'setting ' || split_part(s.item, '=', 1)
           || case when r.setrole <> 0 then format(' of role %I', pg_get_userbyid(r.setrole)) else '' end as name,
       'setting' as word,
       case when split_part(s.item, '=', 1) not like '%.%' then s.value end as value,
       case when split_part(s.item, '=', 1) like '%.%' then s.value end as secret_value
from pg_db_role_setting r
cross join lateral (select item, substr(item, strpos(item, '=') + 1) as value from unnest(r.setconfig) item) s
left join pg_database d on d.oid = r.setdatabase
where d.datname is not distinct from $1::name
