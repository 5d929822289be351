select format('role %I in %I', pg_get_userbyid(m.member), pg_get_userbyid(m.roleid))
           || case when m.grantor <> 10 then format(' by %I', pg_get_userbyid(m.grantor)) else '' end as name,
       'member' as word,
       case when m.admin_option then 'yes' end as admin,
       to_jsonb(m) ->> 'inherit_option' as inherit,
       to_jsonb(m) ->> 'set_option' as set
from pg_auth_members m
where pg_get_userbyid(m.member) !~ '^pg_'
