package postgres

import (
	"context"

	"dogear/kind"
)

// facts returns what is known about a database, or, if database is "", about
// a server beside its databases. What is read of tables goes to keep, which
// may be nil.
func (s *session) facts(ctx context.Context, database string, redact func(string) string, keep keepFunc, want wanted) ([]kind.Fact, error) {
	facts, err := s.definitions(ctx, database, redact)
	if err != nil {
		return nil, err
	}
	if database == "" {
		return append(facts, kind.Fact{Name: "version", Value: s.conn.PgConn().ParameterStatus("server_version")}), nil
	}
	contents, err := s.contents(ctx, keep, want)
	return append(facts, contents...), err
}
