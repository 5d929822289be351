package postgres_test

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// BenchmarkDumpAndRestore measures a pgbench database against the server's own
// programs and against a copy as a template, side by side. DOGEAR_PGBENCH is
// its scale: 60 makes 900 MB.
func BenchmarkDumpAndRestore(b *testing.B) {
	scale := os.Getenv("DOGEAR_PGBENCH")
	if scale == "" {
		scale = "2"
	}
	server := testbed.Postgres(b)
	r := rigOn(b, server.Container)
	testbed.Exec(b, r.container, "pgbench", "-i", "-q", "-s", scale, "-U", "shop", "shop")
	r.sql("checkpoint")
	r.ws.Dumps = "always"
	timed := func(what string, f func()) time.Duration {
		start := time.Now()
		f()
		b.ReportMetric(time.Since(start).Seconds(), what+"-s")
		return time.Since(start)
	}
	shell := func(script string) {
		out, err := exec.Command("docker", "exec", r.container, "sh", "-c", script).CombinedOutput()
		require.NoError(b, err, string(out))
	}
	for b.Loop() {
		timed("pg_dump", func() { shell("rm -rf /tmp/d && pg_dump -U shop -d shop -Fd -j2 -Z0 -f /tmp/d") })
		store := newChunks()
		item := r.item("shop")
		timed("dump", func() { r.capture(item, store, nil) })
		first := store.added
		rows := r.sql("select count(*) from pgbench_accounts")
		n, err := strconv.Atoi(rows)
		require.NoError(b, err)
		r.sql("update pgbench_accounts set abalance = abalance + 1 where aid <= " + strconv.Itoa(n/100))
		part, _ := r.capture(item, store, nil)
		b.ReportMetric(100*float64(store.added-first)/float64(first), "again-%")
		timed("template", func() { shell("createdb -U shop -T shop copy -S file_copy && dropdb -U shop copy") })
		timed("pg_restore", func() {
			shell("createdb -U shop other && pg_restore -U shop -d other -j2 /tmp/d && dropdb -U shop other")
		})
		timed("restore", func() { require.NoError(b, r.driver.Restore(b.Context(), r.ws, part, store)) })
		require.NoError(b, r.driver.Release(b.Context(), r.ws, r.items))
	}
}
