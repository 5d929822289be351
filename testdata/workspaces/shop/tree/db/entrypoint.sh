#!/bin/bash
# Starts Postgres as process 1, on a data directory that the first start fills. Roles and variables are those of
# the well-known image: POSTGRES_USER owns everything, PGDATA is the volume's root.
set -euo pipefail

if [[ ! -s $PGDATA/PG_VERSION ]]; then
	initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
		--auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
	printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
	# Nobody may see the server before the database is there: it does not listen yet.
	pg_ctl -w start -o "-c listen_addresses=''" -l /dev/null
	createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
	pg_ctl -w stop -m fast
fi
exec postgres -c listen_addresses='*' "$@"
