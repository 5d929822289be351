-- $1: only this database; null: those that are no item of their own.
select case when $1::text is null then format('database %I', d.datname) else 'database' end as name,
       'database' as word,
       pg_get_userbyid(d.datdba) as owner,
       pg_encoding_to_char(d.encoding) as encoding,
       to_jsonb(d) ->> 'datlocprovider' as provider,
       d.datcollate as collate,
       d.datctype as ctype,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') as locale,
       to_jsonb(d) ->> 'datcollversion' as collation_version,
       nullif(t.spcname, 'pg_default') as tablespace,
       nullif(d.datconnlimit, -1) as connection_limit,
       case when d.datistemplate then 'yes' end as template,
       case when not d.datallowconn then 'no' end as connections,
       array_to_string(coalesce(d.datacl, acldefault('d', d.datdba)), e'\n') as acl,
       shobj_description(d.oid, 'pg_database') as comment
from pg_database d
join pg_tablespace t on t.oid = d.dattablespace
where case when $1::text is null then d.datistemplate or not d.datallowconn else d.datname = $1 end
