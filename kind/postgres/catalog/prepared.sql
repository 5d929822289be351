select 'prepared transaction ' || p.gid as name,
       'prepared' as word,
       p.owner as owner,
       p.database as database
from pg_prepared_xacts p
