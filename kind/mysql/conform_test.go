package mysql_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
	"dogear/kind/mysql"
)

func TestConformity(t *testing.T) {
	container := testbed.MariaDB(t, testbed.Volume(t), nil)
	testbed.MariaSQL(t, container, schema)
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	harness := kindtest.Harness{
		Driver:    mysql.New(engines),
		Workspace: kindtest.Workspace(t.TempDir()),
		Found:     []kind.Item{{ID: kind.ID{Kind: "container", Name: container}}},
	}
	run := func(sql string) func(*testing.T) {
		return func(t *testing.T) { testbed.MariaSQL(t, container, sql) }
	}
	change := func(name, sql string, want map[string]string) kindtest.Mutation {
		return kindtest.Mutation{Name: name, Do: run(sql), Want: want}
	}
	t.Run("database", func(t *testing.T) {
		h := harness
		h.Item = kind.ID{Kind: mysql.Kind, Name: container + "/shop"}
		h.Mutations = []kindtest.Mutation{
			change("row", "UPDATE orders SET total = 5 WHERE id = 1", map[string]string{"table orders": "value"}),
			change("default", "ALTER TABLE odd ALTER k SET DEFAULT 1", map[string]string{"schema column odd.k": "value"}),
			change("trigger", "DROP TRIGGER second_one", map[string]string{"schema trigger second_one": "removed"}),
			change("sequence", "DO SETVAL(drawn, 2000)", map[string]string{"sequence drawn": "value"}),
			change("view", "DROP VIEW aa", map[string]string{"schema view aa": "removed"}),
			change("table", "DROP TABLE prices", nil),
		}
		h.Same = []kindtest.Mutation{change("rewritten rows", "ALTER TABLE odd FORCE", nil)}
		h.Remove = run("DROP DATABASE shop; CREATE DATABASE other")
		kindtest.Run(t, h)
	})
	testbed.Exec(t, container, "mariadb", "-e", "DROP DATABASE IF EXISTS other")
	t.Run("server", func(t *testing.T) {
		h := harness
		h.Item = kind.ID{Kind: mysql.Kind, Name: container}
		h.Mutations = []kindtest.Mutation{
			change("account", "CREATE USER late", map[string]string{"account `late`@`%`": "added", "grants `late`@`%`": "added"}),
			change("password", "ALTER USER clerk@'10.%' IDENTIFIED BY 'x'", map[string]string{"account `clerk`@`10.%`": "definition"}),
			change("role", "DROP ROLE clerks", nil),
		}
		h.Same = []kindtest.Mutation{change("privileges read again", "FLUSH PRIVILEGES", nil)}
		kindtest.Run(t, h)
	})
}
