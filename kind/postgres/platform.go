package postgres

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"dogear/kind"
)

// platform is what files of a server depend on.
type platform struct {
	Major int    `json:"major"`
	Build string `json:"build"` // the architecture it was built for, and its C library
	// Collations are the versions of what sorts the texts of the database, in
	// whose order they are in its indexes: by provider and locale.
	Collations map[string]string `json:"sorts,omitempty"`
	Extensions map[string]string `json:"extensions,omitempty"` // versions of those with code
}

// provider of collations; und is the root of those of ICU, which each server has
// that has any.
const (
	libc = "libc"
	und  = "icu und"
)

// collations lists the versions of the collations that a server has.
const collations = `
with has as (
    select oid, case collprovider when 'c' then 'libc' else 'icu ' || coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', collcollate) end as name,
           pg_collation_actual_version(oid) as version
    from pg_collation c
    where collprovider = 'i' or collprovider = 'c' and collcollate !~ '^(C|POSIX)(\.|$)')`

// usedCollations are those of columns of the database, and its own.
const usedCollations = collations + `,
uses as (
    select name from has where oid in (select attcollation from pg_attribute where attrelid >= 16384)
    union
    select case coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
               when 'i' then 'icu ' || coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
               when 'c' then 'libc' end
    from pg_database d
    where datname = current_database() and (to_jsonb(d) ->> 'datlocprovider' = 'i' or datcollate !~ '^(C|POSIX)(\.|$)'))
select coalesce(jsonb_object_agg(name, version), '{}')
from (select name, max(version) as version from has
      where name in (select name from uses) or name = 'icu und' and exists (select from uses where name like 'icu %')
      group by name) v
where version is not null`

// readPlatform asks what the files of a server depend on, and those of the
// database.
func readPlatform(ctx context.Context, conn *pgx.Conn) (platform, error) {
	var p platform
	var number int
	var version string
	err := conn.QueryRow(ctx, `
select current_setting('server_version_num')::int, version(), (`+usedCollations+`),
       coalesce((select jsonb_object_agg(extname, extversion) from pg_extension), '{}')`).Scan(&number, &version, &p.Collations, &p.Extensions)
	if err != nil {
		return p, fmt.Errorf("ask what the server was built for: %w", err)
	}
	p.Major = number / 10000
	if m := builtFor.FindStringSubmatch(version); m != nil {
		p.Build = m[1]
	}
	return p, nil
}

// builtFor finds "x86_64-pc-linux-gnu" in what a server says about its version.
var builtFor = regexp.MustCompile(` on (\S+),`)

var _ kind.Tenant = (*Driver)(nil)

// Fits says why the server that uses a tree could not use the files of a part
// that are in it (P4): it would refuse them, or read its indexes wrongly. The
// image that the files ran on can.
func (d *Driver) Fits(ctx context.Context, ws *kind.Workspace, item kind.Item, part kind.Part, source kind.Source) ([]string, error) {
	m, err := readMeta(ctx, part, source)
	if err != nil || m.Image == "" && m.Platform.Major == 0 {
		return nil, err
	}
	server, err := d.server(ctx, ws, item)
	if err != nil || server.container == nil || server.image() == m.Image {
		return nil, err
	}
	name := server.container.Name
	if m.Platform.Major == 0 {
		return []string{fmt.Sprintf("it ran on another image than %s has now, and which files that reads is not known, as it could not be asked when it was captured: %s", name, wayOut(part, m))}, nil
	}
	conn, _, err := server.connect(ctx, server.maintenance()...)
	if err = cannotAsk(ctx, err); err != nil {
		if m.Image == "" {
			return nil, ctx.Err() // nobody knows
		}
		return []string{fmt.Sprintf("it ran on another image than %s has now, and %v: start it, so that it can say which files it reads, or %s", name, err, wayOut(part, m))}, ctx.Err()
	}
	defer hangUp(conn)
	misfits, err := m.Platform.misfits(ctx, conn)
	for i, why := range misfits {
		misfits[i] = fmt.Sprintf("%s now has %s: %s", name, why, wayOut(part, m))
	}
	return misfits, err
}

// wayOut is what can be done with files that a server cannot read.
func wayOut(part kind.Part, m meta) string {
	way := fmt.Sprintf("restore %s along with them, which brings back its image", part.RunsIn)
	if m.Dump {
		way += fmt.Sprintf(", or restore the dump alone (--only '%s')", part.ID)
	}
	return way
}

// misfits says what of a live server is not what files need.
func (p platform) misfits(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	live, err := readPlatform(ctx, conn)
	if err != nil {
		return nil, err
	}
	if live.Major != p.Major {
		return []string{fmt.Sprintf("Postgres %d, which does not read the files of Postgres %d", live.Major, p.Major)}, nil
	}
	if live.Build != p.Build {
		return []string{fmt.Sprintf("a server built for %s, and the files were written by one built for %s", live.Build, p.Build)}, nil
	}
	has, err := oneColumn[map[string]string](ctx, conn, collations+`
select coalesce(jsonb_object_agg(name, version), '{}') from (select name, max(version) as version from has group by name) v where version is not null`)
	if err != nil {
		return nil, fmt.Errorf("ask for collations: %w", err)
	}
	var misfits []string
	for _, name := range slices.Sorted(maps.Keys(p.Collations)) {
		version, there := has[name]
		switch {
		case version == p.Collations[name], !there && name != libc && name != und:
			continue // of a locale that is not in its catalog the root tells
		case !there:
			version = "none"
		}
		misfits = append(misfits, fmt.Sprintf("another version of the collation %s (%s, was %s), in whose order indexes on text are", name, version, p.Collations[name]))
	}
	names := slices.Sorted(maps.Keys(p.Extensions))
	missing, err := oneColumn[[]string](ctx, conn, `select coalesce(array_agg(u.name order by 1), '{}') from unnest($1::text[]) u (name)
where not exists (select from pg_available_extensions a where a.name = u.name)`, names)
	if len(missing) > 0 {
		misfits = append(misfits, "not the extensions that the database uses ("+strings.Join(missing, ", ")+")")
	}
	return misfits, wrap("ask for extensions", err)
}

func oneColumn[T any](ctx context.Context, conn *pgx.Conn, query string, args ...any) (v T, err error) {
	return v, conn.QueryRow(ctx, query, args...).Scan(&v)
}
