-- Kinds of objects that are rarely made by hand: only that they exist, and whose they are.
select format('schema %s %s', replace(i.type, ' ', '-'), i.identity) as name,
       'object' as word,
       pg_get_userbyid(o.owner) as owner,
       obj_description(o.object, o.catalog::text::name) as comment
from (
    select 'pg_cast'::regclass as catalog, oid as object, null::oid as owner from pg_cast
    union all select 'pg_operator'::regclass, oid, oprowner from pg_operator
    union all select 'pg_opclass'::regclass, oid, opcowner from pg_opclass
    union all select 'pg_opfamily'::regclass, oid, opfowner from pg_opfamily
    union all select 'pg_collation'::regclass, oid, collowner from pg_collation
    union all select 'pg_conversion'::regclass, oid, conowner from pg_conversion
    union all select 'pg_ts_config'::regclass, oid, cfgowner from pg_ts_config
    union all select 'pg_ts_dict'::regclass, oid, dictowner from pg_ts_dict
    union all select 'pg_ts_parser'::regclass, oid, null from pg_ts_parser
    union all select 'pg_ts_template'::regclass, oid, null from pg_ts_template
    union all select 'pg_language'::regclass, oid, lanowner from pg_language
    union all select 'pg_transform'::regclass, oid, null from pg_transform
    union all select 'pg_am'::regclass, oid, null from pg_am
) o
cross join lateral pg_identify_object(o.catalog, o.object, 0) i
where o.object >= 16384
  and not exists (select from pg_depend d where d.classid = o.catalog and d.objid = o.object and d.deptype = 'e')
