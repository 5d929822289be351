package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// A database, or a table of it, comes back alone while the stack goes on: no
// container stops, and an undo takes back that and no more. A dump of another
// program is restored in the same way.
func TestDatabaseComesBackAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	db := r.Container("db")
	sql := func(statements string) string { return testbed.SQL(t, db, statements) }
	before := r.Containers()
	first := r.json(done, "save")
	orders := sql("select count(*) from orders")

	require.NoError(t, os.WriteFile(r.Path("app/main.go"), []byte("work of the day"), 0o600))
	sql("delete from orders where id % 2 = 0; alter table products add column note text")
	fewer := sql("select count(*) from orders")
	require.NotEqual(t, orders, fewer)
	stat := r.dogear(done, "diff", "--stat")
	require.Contains(t, stat, "table public.orders: 0 rows added")
	require.Contains(t, r.dogear(done, "diff", "--details"), "- id=2")

	r.json(done, "restore", first.Snapshot.ID, "--only", "postgres/db/shop").proven(t)
	require.Equal(t, orders, sql("select count(*) from orders"))
	require.Equal(t, before, r.Containers(), "nothing was stopped")
	r.json(done, "undo").proven(t)
	require.Equal(t, fewer, sql("select count(*) from orders"))
	content, err := os.ReadFile(r.Path("app/main.go"))
	require.NoError(t, err)
	require.Equal(t, "work of the day", string(content), "an undo takes back what was restored, and no more")
	r.json(done, "undo").proven(t)
	require.Equal(t, orders, sql("select count(*) from orders"))

	sql("update products set name = 'x'")
	names := "select count(*) from products where name = 'x'"
	r.json(done, "restore", first.Snapshot.ID, "--only", "postgres/db/shop:public.products").proven(t)
	require.Equal(t, "0", sql(names))
	r.WaitHealthy("db", "redis", "web", "worker")

	file := filepath.Join(t.TempDir(), "dump.sql")
	dump := testbed.Run(t, "docker", "exec", db, "pg_dump", "-U", "shop", "-d", "shop")
	require.NoError(t, os.WriteFile(file, []byte(dump+"\n"), 0o644))
	imported := r.json(done, "import", "postgres/db/shop", file)
	sql("update products set name = 'x'")
	r.json(done, "restore", imported.Snapshot.ID).proven(t)
	require.Equal(t, "0", sql(names))
	require.Contains(t, r.dogear(done, "show", "latest"), first.Snapshot.ID, "an import is not what was saved last")
	r.nothingLeftBehind()
}

// proven requires that nothing that was restored differs. A receipt of some of a
// snapshot has another state than all of it.
func (r result) proven(t testing.TB) {
	t.Helper()
	require.True(t, r.Receipt.Identical, "%+v", r.Receipt.Differences)
}
