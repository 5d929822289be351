package postgres

import (
	"context"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5"
)

// readPlatform asks what the files of a server depend on.
func readPlatform(ctx context.Context, conn *pgx.Conn) (platform, error) {
	var p platform
	var number int
	var version string
	var collations, extensions map[string]string
	err := conn.QueryRow(ctx, `
select current_setting('server_version_num')::int, version(),
       coalesce((select jsonb_object_agg(name, version) from (
           select 'database' as name, to_jsonb(d) ->> 'datcollversion' as version from pg_database d
           where datname = current_database() and to_jsonb(d) ->> 'datcollversion' is not null
           union all
           select collname, min(collversion) from pg_collation where collversion is not null and oid >= 16384 group by 1) c), '{}'),
       coalesce((select jsonb_object_agg(extname, extversion) from pg_extension), '{}')`).Scan(&number, &version, &collations, &extensions)
	if err != nil {
		return p, fmt.Errorf("ask what the server was built for: %w", err)
	}
	p.Major, p.Collations, p.Extensions = number/10000, collations, extensions
	if m := builtFor.FindStringSubmatch(version); m != nil {
		p.Build = m[1]
	}
	return p, nil
}

// builtFor finds "x86_64-pc-linux-gnu" in what a server says about its version.
var builtFor = regexp.MustCompile(` on (\S+),`)
