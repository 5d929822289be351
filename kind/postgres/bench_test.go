package postgres_test

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
	"dogear/kind/postgres"
)

// BenchmarkInspect reads 100 tables of 10,000 rows each, about 150 MB, or of as
// many as DOGEAR_BENCH_ROWS says: with 68,000 it is 1 GB. Each time a row has
// changed, so that nothing that was known before counts.
func BenchmarkInspect(b *testing.B) {
	rows := cmp.Or(os.Getenv("DOGEAR_BENCH_ROWS"), "10000")
	server := testbed.Postgres(b)
	testbed.SQL(b, server.Container, strings.Join([]string{
		fmt.Sprintf(`do $$ begin for i in 1..100 loop execute format('create table t%%s as
			select n, md5(n::text) as a, repeat(md5((n + %%s)::text), 2) as b, now() as c from generate_series(1, %s) n', i, i); end loop; end $$`, rows),
		`checkpoint`,
	}, ";"))
	engines := docker.NewConnector(docker.Options{})
	b.Cleanup(func() { _ = engines.Close() })
	driver, ws := postgres.New(engines), kindtest.Workspace(b.TempDir())
	container := kind.ID{Kind: "container", Name: server.Container}
	item := kind.Item{ID: kind.ID{Kind: postgres.Kind, Name: server.Container + "/shop"}, RunsIn: container}
	var spent time.Duration
	for b.Loop() {
		b.StopTimer()
		testbed.SQL(b, server.Container, "update t1 set n = n + 1 where n = 1")
		b.StartTimer()
		facts, begun := 0, processorTime(b)
		for _, err := range driver.Inspect(b.Context(), ws, item) {
			require.NoError(b, err)
			facts++
		}
		require.Greater(b, facts, 100)
		spent += processorTime(b) - begun
	}
	b.ReportMetric(spent.Seconds()/float64(b.N), "CPU-s/op")
	size, err := strconv.ParseFloat(testbed.SQL(b, server.Container, "select pg_database_size('shop') / 1e6"), 64)
	require.NoError(b, err)
	b.ReportMetric(size, "MB")
}

// processorTime is what this process has used, without the server.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
