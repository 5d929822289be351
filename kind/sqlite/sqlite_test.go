package sqlite

import (
	"crypto/sha256"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/kind/kindtest"
)

// cache is a kind.Cache in a map.
type cache map[string][]byte

func (c cache) Load(id kind.ID, name string) []byte { return c[id.String()+" "+name] }

func (c cache) Save(id kind.ID, name string, content []byte) error {
	c[id.String()+" "+name] = content
	return nil
}

func workspace(t *testing.T) *kind.Workspace {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return &kind.Workspace{Root: root, Cache: cache{}}
}

// open opens a database as an application would. It stays open.
func open(t *testing.T, path, mode string) *sql.DB {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	execute(t, db, "PRAGMA journal_mode="+mode)
	return db
}

func execute(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
}

func newShop(t *testing.T, ws *kind.Workspace, mode string) *sql.DB {
	t.Helper()
	db := open(t, filepath.Join(ws.Root, "data", "shop.store"), mode)
	execute(t, db,
		"CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT, price REAL, paid BOOLEAN, at DATETIME, blob BLOB)",
		"INSERT INTO orders VALUES (1, 'tea', 2.5, 1, '2026-01-01', x'00ff'), (2, 'cup', 4, 0, NULL, NULL)",
		"CREATE INDEX by_item ON orders (item)",
		"CREATE TABLE log (line)",
		"INSERT INTO log VALUES ('same'), ('same')",
		"PRAGMA user_version=7",
	)
	return db
}

func treeItem(ws *kind.Workspace) []kind.Item {
	return []kind.Item{{ID: kind.ID{Kind: "files", Name: "."}, Root: ws.Root}}
}

func find(t *testing.T, ws *kind.Workspace, found []kind.Item) []kind.Item {
	t.Helper()
	items, err := New(nil).Find(t.Context(), ws, found)
	require.NoError(t, err)
	return items
}

func inspect(t *testing.T, ws *kind.Workspace, item kind.Item) map[string]string {
	t.Helper()
	return collect(t, New(nil).Inspect(t.Context(), ws, item))
}

func collect(t *testing.T, facts kind.Facts) map[string]string {
	t.Helper()
	named := map[string]string{}
	last := ""
	for f, err := range facts {
		require.NoError(t, err)
		require.Negative(t, kind.CompareNames(last, f.Name))
		named[f.Name], last = f.Value, f.Name
	}
	return named
}

func TestFindByContent(t *testing.T) {
	ws := workspace(t)
	newShop(t, ws, "wal")
	execute(t, open(t, filepath.Join(ws.Root, "inner", "odd[1].txt"), "delete"), "CREATE TABLE t (x)")
	execute(t, open(t, filepath.Join(ws.Root, ".git", "hidden.db"), "delete"), "CREATE TABLE t (x)")
	require.NoError(t, os.WriteFile(filepath.Join(ws.Root, "fake.db"), make([]byte, 4096), 0o644))
	require.NoError(t, os.Symlink("data/shop.store", filepath.Join(ws.Root, "link.db")))
	inner := kind.Item{ID: kind.ID{Kind: "git", Name: "inner"}, Root: filepath.Join(ws.Root, "inner")}

	items := find(t, ws, append(treeItem(ws), inner))
	require.Len(t, items, 2)
	require.Equal(t, "sqlite/data/shop.store", items[0].ID.String())
	require.Equal(t, []kind.ID{{Kind: "files", Name: "."}}, items[0].Needs)
	require.Equal(t, "files/.", items[0].Claims[0].On.String())
	for _, name := range []string{"data/shop.store", "data/shop.store-wal", "data/shop.store-shm", "data/shop.store-mj0A1B"} {
		require.True(t, kind.MatchAny(items[0].Claims[0].Paths, name), name)
	}
	require.Equal(t, "sqlite/inner/odd[1].txt", items[1].ID.String())
	require.Equal(t, inner.ID, items[1].Claims[0].On)
	require.True(t, kind.MatchAny(items[1].Claims[0].Paths, "odd[1].txt-journal"))

	require.Equal(t, items, find(t, ws, append(treeItem(ws), inner)))
}

func TestEveryChangeIsNamed(t *testing.T) {
	cases := []struct {
		statement string
		want      []string
	}{
		{"VACUUM", nil},
		{"REINDEX", nil},
		{"UPDATE orders SET price=2.75 WHERE id=1", []string{"table orders"}},
		{"UPDATE orders SET item=x'746561' WHERE id=1", []string{"table orders"}}, // the same bytes as a blob
		{"UPDATE orders SET price=price, item=item, blob=blob, at=at", nil},
		{"UPDATE orders SET price=9e999 WHERE id=1", []string{"table orders"}},
		{"UPDATE orders SET price=NULL WHERE id=1", []string{"table orders"}},
		{"UPDATE orders SET blob=x'' WHERE id=2", []string{"table orders"}}, // it was NULL
		{"UPDATE orders SET paid=1.5 WHERE id=1", []string{"table orders"}},
		{"UPDATE orders SET at='2026-01-01T00:00:00Z' WHERE id=1", []string{"table orders"}}, // the same time
		{"INSERT INTO log VALUES ('same')", []string{"table log"}},
		{"DELETE FROM log", []string{"table log"}},
		{"DROP INDEX by_item", []string{"schema index by_item"}},
		{"ALTER TABLE log ADD COLUMN at", []string{"schema table log", "table log"}},
		{"DROP TABLE log", []string{"schema table log", "table log"}},
		{"PRAGMA user_version=8", []string{"user_version"}},
		{"PRAGMA application_id=9", []string{"application_id"}},
		{"PRAGMA journal_mode=delete", []string{"journal_mode"}},
	}
	for _, c := range cases {
		t.Run(c.statement, func(t *testing.T) {
			ws := workspace(t)
			db := newShop(t, ws, "wal")
			item := find(t, ws, treeItem(ws))[0]
			before := inspect(t, ws, item)
			execute(t, db, c.statement)
			var names []string
			after := inspect(t, ws, item)
			for name := range before {
				if after[name] != before[name] {
					names = append(names, name)
				}
			}
			require.ElementsMatch(t, c.want, names)
			require.LessOrEqual(t, len(after), len(before))
		})
	}
}

func TestInspectChangesNothing(t *testing.T) {
	for _, mode := range []string{"wal", "delete"} {
		t.Run(mode, func(t *testing.T) {
			ws := workspace(t)
			newShop(t, ws, mode)
			item := find(t, ws, treeItem(ws))[0]
			before := contents(t, ws.Root)
			facts := inspect(t, ws, item)
			require.Equal(t, mode, facts["journal_mode"])
			require.Contains(t, facts["table orders"], "2 rows, ")
			require.Equal(t, before, contents(t, ws.Root))
		})
	}
}

func contents(t *testing.T, root string) map[string][32]byte {
	t.Helper()
	sums := map[string][32]byte{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		sums[path] = sha256.Sum256(content)
		return err
	}))
	return sums
}

func TestUncommittedChangesAreNoFacts(t *testing.T) {
	for _, mode := range []string{"wal", "delete"} {
		t.Run(mode, func(t *testing.T) {
			ws := workspace(t)
			db := newShop(t, ws, mode)
			item := find(t, ws, treeItem(ws))[0]
			before := inspect(t, ws, item)
			execute(t, db, "PRAGMA cache_size=1", "PRAGMA cache_spill=1", "BEGIN",
				"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000) INSERT INTO log SELECT hex(randomblob(100)) FROM n")
			require.Equal(t, before, inspect(t, ws, item))
			execute(t, db, "ROLLBACK")
		})
	}
}

func TestCaptureFixesTheStateAtTake(t *testing.T) {
	ws := workspace(t)
	db := newShop(t, ws, "wal")
	item := find(t, ws, treeItem(ws))[0]
	c, err := New(nil).Open(t.Context(), ws, item, kindtest.NewMemory())
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()

	require.NoError(t, c.(kind.Preparer).Prepare(t.Context()))
	execute(t, db, "DELETE FROM log")
	want := inspect(t, ws, item)
	require.NoError(t, c.Take(t.Context()))
	execute(t, db, "DELETE FROM orders")
	part, err := c.Finish(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, collect(t, part.Facts))
	require.Empty(t, part.Gaps)
	require.False(t, part.Held.IsZero())
}

func TestUnreadableDatabaseIsComparedByBytes(t *testing.T) {
	ws := workspace(t)
	file := filepath.Join(ws.Root, "broken.db")
	content := append([]byte(magic), make([]byte, 8192)...)
	require.NoError(t, os.WriteFile(file, content, 0o644))
	item := find(t, ws, treeItem(ws))[0]
	before := inspect(t, ws, item)
	require.Len(t, before, 1)

	content[5000]++
	require.NoError(t, os.WriteFile(file, content, 0o644))
	require.NotEqual(t, before, inspect(t, ws, item))

	c, err := New(nil).Open(t.Context(), ws, item, kindtest.NewMemory())
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.Take(t.Context()))
	part, err := c.Finish(t.Context())
	require.NoError(t, err)
	require.Len(t, part.Gaps, 1)
}

func TestGone(t *testing.T) {
	ws := workspace(t)
	item := kind.Item{ID: kind.ID{Kind: "sqlite", Name: "none.db"}}
	for _, err := range New(nil).Inspect(t.Context(), ws, item) {
		require.ErrorIs(t, err, kind.ErrGone)
	}
}
