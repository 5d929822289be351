select format('schema trigger %I.%I.%I', n.nspname, c.relname, t.tgname) as name,
       'trigger' as word,
       pg_get_triggerdef(t.oid) as definition,
       nullif(t.tgenabled::text, 'O') as enabled,
       obj_description(t.oid, 'pg_trigger') as comment
from pg_trigger t
join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace
where not t.tgisinternal
union all
select format('schema event-trigger %I', e.evtname),
       'event-trigger',
       format('on %s when %s execute %s', e.evtevent, array_to_string(e.evttags, ','), e.evtfoid::regproc),
       nullif(e.evtenabled::text, 'O'),
       obj_description(e.oid, 'pg_event_trigger')
from pg_event_trigger e
