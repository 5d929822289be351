select format('schema publication %I', p.pubname) as name,
       'publication' as word,
       pg_get_userbyid(p.pubowner) as owner,
       case when p.puballtables then 'yes' end as all_tables,
       concat_ws(',', case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
                 case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end) as publish,
       (select string_agg(format('%I.%I', t.schemaname, t.tablename), e'\n') from pg_publication_tables t where t.pubname = p.pubname) as acl,
       obj_description(p.oid, 'pg_publication') as comment
from pg_publication p
union all
select format('schema subscription %I', s.subname),
       'subscription',
       pg_get_userbyid(s.subowner),
       case when s.subenabled then 'enabled' end,
       s.subslotname,
       array_to_string(s.subpublications, e'\n'),
       obj_description(s.oid, 'pg_subscription')
from pg_subscription s
where s.subdbid = (select oid from pg_database where datname = current_database())
