package sqlite

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/kind/kindtest"
)

func TestConforms(t *testing.T) {
	for _, mode := range []string{"wal", "delete"} {
		t.Run(mode, func(t *testing.T) {
			ws := workspace(t)
			db := newShop(t, ws, mode)
			change := func(statement, undo string, want map[string]string) kindtest.Mutation {
				return kindtest.Mutation{Name: statement, Want: want,
					Do:   func(t *testing.T) { execute(t, db, statement) },
					Undo: func(t *testing.T) { execute(t, db, undo) }}
			}
			kindtest.Run(t, kindtest.Harness{
				Driver:    New(nil),
				Workspace: ws,
				Found:     treeItem(ws),
				Item:      kind.ID{Kind: "sqlite", Name: "data/shop.store"},
				Witness:   func(t *testing.T) any { return contents(t, ws.Root) },
				Same: []kindtest.Mutation{
					{Name: "vacuum", Do: func(t *testing.T) { execute(t, db, "VACUUM") }},
					{Name: "checkpoint", Do: func(t *testing.T) { execute(t, db, "PRAGMA wal_checkpoint(TRUNCATE)") }},
				},
				Mutations: []kindtest.Mutation{
					change("UPDATE orders SET price=3 WHERE id=1", "UPDATE orders SET price=2.5 WHERE id=1", map[string]string{"table orders": "value"}),
					change("INSERT INTO log VALUES ('same')", "DELETE FROM log WHERE rowid=3", map[string]string{"table log": "value"}),
					change("CREATE VIEW v AS SELECT 1", "DROP VIEW v", map[string]string{"schema view v": "added"}),
					change("PRAGMA user_version=8", "PRAGMA user_version=7", map[string]string{"user_version": "type"}),
				},
			})
			require.NoError(t, db.Ping())
		})
	}
}
