package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"dogear/internal/dsn"
	"dogear/kind"
)

// Databases of ours are beside those that they stand for, are no items, and let
// nobody in: one that is being loaded, and those that restores have kept.
const (
	stagedSuffix = "__dogear_new"
	keptSuffix   = "__dogear_kept_" // and so many digits of the sum of a name
	keptDigits   = 12
)

// ours matches the names of such databases, also those of older versions.
const ours = "__dogear_(new|kept2?|kept_[0-9a-f]{12})$"

// staged is the name of the database that is being loaded.
func (r *restoration) staged() string { return named(r.database, stagedSuffix) }

// keptName is the name under which a database is kept for a restore, by the name
// of its safety snapshot.
func keptName(database, safety string) string {
	return named(database, keptSuffix+kind.Sum([]byte(safety)).String()[:keptDigits])
}

// longestName is how many bytes the name of a database may have.
const longestName = 63

// named shortens a name for a suffix; two long names must not become one.
func named(database, suffix string) string {
	if len(database)+len(suffix) <= longestName {
		return database + suffix
	}
	sum := kind.Sum([]byte(database)).String()[:12]
	return database[:longestName-len(suffix)-len(sum)] + sum + suffix
}

// allKept lists what restores have kept of the database.
func (r *restoration) allKept(ctx context.Context) ([]string, error) {
	names, err := r.allOurs(ctx)
	own := strings.TrimRight(keptName(r.database, ""), "0123456789abcdef")
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, own) || len(name) != len(own)+keptDigits }), err
}

// allOurs lists all databases of ours in the server.
func (r *restoration) allOurs(ctx context.Context) ([]string, error) {
	names, err := r.strings(ctx, "select datname::text from pg_database where datname ~ $1 order by 1", ours)
	return names, wrap("look for databases", err)
}

// drop drops a database of ours.
func (r *restoration) drop(ctx context.Context, database string) error {
	there, err := r.exists(ctx, database)
	if err != nil || !there {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, swapTime)
	defer cancel()
	if err := r.dropSubscriptions(ctx, database); err != nil {
		return wrap("drop its subscriptions", err)
	}
	if err := r.cutOff(ctx, database); err != nil {
		return err
	}
	return r.insist(ctx, database, func() error { return r.exec(ctx, "drop database "+quoteName(database)) })
}

// dropSubscriptions drops those of a database, which would keep it from being
// dropped. What they read from stays: the database that took its place has the
// same subscriptions. They are shut before the door is opened for that: what they
// were sent then would be lost.
func (r *restoration) dropSubscriptions(ctx context.Context, database string) error {
	names, err := r.strings(ctx, "select s.subname::text from pg_subscription s join pg_database d on d.oid = s.subdbid where d.datname = $1", database)
	if err != nil || len(names) == 0 {
		return err
	}
	const shut = "update pg_catalog.pg_subscription set subenabled = false, subslotname = null where subdbid = (select oid from pg_database where datname = "
	if err := r.exec(ctx, shut+quoteLiteral(database)+")"); err != nil {
		return err
	}
	if err := r.exec(ctx, r.allow(database, true)); err != nil {
		return err
	}
	conn, err := r.way.connect(ctx, database)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	for _, name := range names {
		if _, err := conn.Exec(ctx, "drop subscription "+quoteName(name), pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Release drops the databases that restores have kept, or left half loaded, in
// servers all of which belongs to the workspace, and else those of its databases.
func (d *Driver) Release(ctx context.Context, ws *kind.Workspace, items []kind.Item) error {
	owners, err := owners(ws, items)
	if err != nil {
		return err
	}
	var errs []error
	for _, item := range owners {
		errs = append(errs, d.release(ctx, ws, item))
	}
	return errors.Join(errs...)
}

// owners are the items that have something to release: servers, or databases of
// servers that are shared, also those that are not there any more.
func owners(ws *kind.Workspace, items []kind.Item) ([]kind.Item, error) {
	var all []kind.Item
	for _, item := range items {
		if databaseOf(item.ID) == "" {
			all = append(all, item)
		}
	}
	shared, err := dsn.Servers(ws, Kind)
	if err != nil {
		return nil, err
	}
	for _, named := range shared {
		if named.All() {
			continue
		}
		_, config, err := byAddress(ws, named)
		if err != nil {
			return nil, err
		}
		for _, database := range named.Within(config.Database) {
			all = append(all, kind.Item{ID: kind.ID{Kind: Kind, Name: named.Name + "/" + database}})
		}
	}
	return all, nil
}

func (d *Driver) release(ctx context.Context, ws *kind.Workspace, item kind.Item) error {
	server, err := d.server(ctx, ws, item)
	if err != nil {
		return err
	}
	conn, way, err := server.connect(ctx, server.beside(databaseOf(item.ID))...)
	if errors.Is(cannotAsk(ctx, err), kind.ErrNotRunning) {
		return nil // another time
	}
	if err != nil {
		return err
	}
	defer hangUp(conn)
	r := &restoration{ws: ws, database: databaseOf(item.ID), server: server, way: way, conn: conn}
	names, err := r.allOurs(ctx)
	if r.database != "" {
		if names, err = r.allKept(ctx); err == nil {
			names = append(names, r.staged())
		}
	}
	for _, name := range names {
		if err := r.drop(ctx, name); err != nil {
			return wrap("drop "+name, err)
		}
	}
	return err
}
