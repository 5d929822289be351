select format('replication slot %I', s.slot_name) as name,
       'slot' as word,
       s.slot_type as type,
       s.plugin as plugin,
       s.database as database
from pg_replication_slots s
where not s.temporary
