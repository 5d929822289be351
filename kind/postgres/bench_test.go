package postgres_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
	"dogear/kind/postgres"
)

// BenchmarkInspect reads 100 tables of 10,000 rows each, about 100 MB.
func BenchmarkInspect(b *testing.B) {
	server := testbed.Postgres(b)
	testbed.SQL(b, server.Container, strings.Join([]string{
		`do $$ begin for i in 1..100 loop execute format('create table t%s as
			select n, md5(n::text) as a, repeat(md5((n + %s)::text), 2) as b, now() as c from generate_series(1, 10000) n', i, i); end loop; end $$`,
		`checkpoint`,
	}, ";"))
	engines := docker.NewConnector(docker.Options{})
	b.Cleanup(func() { _ = engines.Close() })
	driver, ws := postgres.New(engines), kindtest.Workspace(b.TempDir())
	container := kind.ID{Kind: "container", Name: server.Container}
	item := kind.Item{ID: kind.ID{Kind: postgres.Kind, Name: server.Container + "/shop"}, RunsIn: container}
	for b.Loop() {
		facts := 0
		for _, err := range driver.Inspect(b.Context(), ws, item) {
			require.NoError(b, err)
			facts++
		}
		require.Greater(b, facts, 100)
	}
}
