select format('schema statistics %I.%I', n.nspname, s.stxname) as name,
       'statistics' as word,
       pg_get_userbyid(s.stxowner) as owner,
       pg_get_statisticsobjdef(s.oid) as definition,
       nullif(to_jsonb(s) ->> 'stxstattarget', '-1') as target,
       obj_description(s.oid, 'pg_statistic_ext') as comment
from pg_statistic_ext s
join pg_namespace n on n.oid = s.stxnamespace
