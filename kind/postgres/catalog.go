package postgres

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"dogear/kind"
)

// catalogFiles hold one query for each class of objects. A row is a fact: its
// name, the type word, and attributes named as the columns. Columns secret_…
// are redacted; acl is a list, a line for each entry. Columns that only some
// versions of Postgres have are read by way of to_jsonb, which gives null for
// those that are not there.
//
//go:embed catalog/*.sql
var catalogFiles embed.FS

// Queries about one database, and about a server. Those that take a parameter
// are listed apart.
var (
	databaseQueries = []string{
		"column", "constraint", "extension", "foreign", "function", "index", "namespace", "other", "policy", "privilege",
		"publication", "relation", "rule", "sequence", "statistics", "trigger", "type",
	}
	serverQueries = []string{"member", "prepared", "role", "slot", "tablespace"}
	namedQueries  = []string{"database", "setting"}
)

// definitions returns the facts of the catalogs: those of one database, or,
// if database is "", those of the server that belong to no database.
func (s *session) definitions(ctx context.Context, database string, redact func(string) string) ([]kind.Fact, error) {
	queries, parameter := databaseQueries, &database
	if database == "" {
		queries, parameter = serverQueries, nil
	}
	var facts []kind.Fact
	for _, name := range slices.Concat(queries, namedQueries) {
		var args []any
		if slices.Contains(namedQueries, name) {
			args = []any{parameter}
		}
		found, err := s.catalog(ctx, name, redact, args...)
		if err != nil {
			return nil, fmt.Errorf("read the catalog (%s): %w", name, err)
		}
		facts = append(facts, found...)
	}
	return facts, nil
}

func (s *session) catalog(ctx context.Context, name string, redact func(string) string, args ...any) ([]kind.Fact, error) {
	query, err := catalogFiles.ReadFile("catalog/" + name + ".sql")
	if err != nil {
		return nil, err
	}
	sql := string(query)
	if !s.superuser {
		sql = strings.ReplaceAll(sql, "from pg_authid", "from pg_roles") // the same without passwords
	}
	rows, err := s.conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (kind.Fact, error) { return catalogFact(row, redact) })
}

func catalogFact(row pgx.CollectableRow, redact func(string) string) (kind.Fact, error) {
	columns := row.FieldDescriptions()
	values := make([]*string, len(columns))
	targets := make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := row.Scan(targets...); err != nil {
		return kind.Fact{}, err
	}
	var pairs []string
	for i := 2; i < len(columns); i++ {
		if values[i] != nil {
			pairs = append(pairs, attribute(columns[i].Name, *values[i], redact)...)
		}
	}
	return kind.Fact{Name: *values[0], Value: kind.Attributes(*values[1], pairs...)}, nil
}

func attribute(column, value string, redact func(string) string) []string {
	if name, ok := strings.CutPrefix(column, "secret_"); ok {
		return []string{name, redact(value)}
	}
	if column == "acl" {
		entries := strings.Split(value, "\n")
		slices.Sort(entries)
		value = strings.Join(entries, ",")
	}
	return []string{column, value}
}
