package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"dogear/internal/dsn"
	"dogear/kind"
)

// findByAddress lists the databases of servers that dogear.yaml names. What
// belongs to no database is an item only if all of the server belongs to the
// workspace: its roles may be those of others.
func (d *Driver) findByAddress(ctx context.Context, ws *kind.Workspace) ([]kind.Item, error) {
	servers, err := dsn.Servers(ws, Kind)
	if err != nil {
		return nil, err
	}
	var items []kind.Item
	for _, named := range servers {
		s, config, err := byAddress(ws, named)
		if err != nil {
			return nil, err
		}
		item := kind.Item{ID: kind.ID{Kind: Kind, Name: named.Name}}
		known, err := s.refresh(ctx, ws, item.ID, loadRecord(ws, item.ID))
		switch {
		case err != nil:
			return nil, err
		case named.All():
			items = append(append(items, item), databaseItems(item, known.Databases)...)
			continue
		}
		databases, err := known.present(ws, item.ID, named.Within(config.Database))
		if err != nil {
			return nil, err
		}
		for _, database := range databases {
			items = append(items, kind.Item{ID: kind.ID{Kind: Kind, Name: named.Name + "/" + database}})
		}
	}
	return items, nil
}

// present leaves out the databases that the server says it does not have, and
// remembers them. One that cannot be asked may have all of them.
func (r record) present(ws *kind.Workspace, id kind.ID, databases []string) ([]string, error) {
	if r.there == nil {
		return databases, nil
	}
	var present []string
	r.Absent = nil
	for _, database := range databases {
		if slices.Contains(r.there, database) {
			present = append(present, database)
		} else {
			r.Absent = append(r.Absent, database)
		}
	}
	return present, wrap("remember the server", r.save(ws, id))
}

var _ kind.Expectant = (*Driver)(nil)

// Absent lists the databases that dogear.yaml names and that are not there.
func (d *Driver) Absent(ws *kind.Workspace) []kind.Gap {
	servers, _ := dsn.Servers(ws, Kind) // Find has said what is wrong with them
	var gaps []kind.Gap
	for _, named := range servers {
		for _, database := range loadRecord(ws, kind.ID{Kind: Kind, Name: named.Name}).Absent {
			id := kind.ID{Kind: Kind, Name: named.Name + "/" + database}
			gaps = append(gaps, kind.Gap{Part: id, What: "all of it", Why: "dogear.yaml names it, and the server has no such database"})
		}
	}
	return gaps
}

// byAddress returns the server that an entry of dogear.yaml names.
func byAddress(ws *kind.Workspace, named dsn.Server) (*server, *pgx.ConnConfig, error) {
	address, err := named.Expand(ws)
	if err != nil {
		return nil, nil, err
	}
	config, err := way{address: address}.config("")
	if err != nil {
		return nil, nil, fmt.Errorf("dogear.yaml: %s: server %s: %w", Kind, named.Name, err)
	}
	if config.Database == "" {
		return nil, nil, fmt.Errorf("dogear.yaml: %s: server %s: the dsn names no database", Kind, named.Name)
	}
	return &server{address: address}, config, nil
}

// remote names the machine that the server is on, if that is another one.
func (s *server) remote() string {
	if s.address == "" {
		return ""
	}
	config, err := pgx.ParseConfig(s.address)
	if err != nil || dsn.IsLocal(config.Host) {
		return ""
	}
	return config.Host
}
