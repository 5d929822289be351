package postgres

import (
	"context"
	"fmt"

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
		databases := named.Databases
		if len(databases) == 0 {
			databases = []string{config.Database}
		}
		for _, database := range databases {
			items = append(items, kind.Item{ID: kind.ID{Kind: Kind, Name: named.Name + "/" + database}})
		}
	}
	return items, nil
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
