package postgres_test

import (
	"testing"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
	"dogear/kind/postgres"
)

func TestConformity(t *testing.T) {
	server := testbed.Postgres(t)
	testbed.SQL(t, server.Container, schema)
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { _ = engines.Close() })
	harness := kindtest.Harness{
		Driver:    postgres.New(engines),
		Workspace: kindtest.Workspace(t.TempDir()),
		Found:     []kind.Item{{ID: kind.ID{Kind: "container", Name: server.Container}}},
	}
	change := func(name, do, undo string, want map[string]string) kindtest.Mutation {
		sql := func(statements string) func(*testing.T) {
			return func(t *testing.T) { testbed.SQL(t, server.Container, statements) }
		}
		return kindtest.Mutation{Name: name, Do: sql(do), Undo: sql(undo), Want: want}
	}
	t.Run("database", func(t *testing.T) {
		h := harness
		h.Item = kind.ID{Kind: postgres.Kind, Name: server.Container + "/shop"}
		h.Mutations = []kindtest.Mutation{
			change("row", "update orders set customer = 'x' where id = 1", "update orders set customer = 'customer 1' where id = 1",
				map[string]string{"table public.orders": "value"}),
			change("default", "alter table orders alter total set default 1", "alter table orders alter total set default 0",
				map[string]string{"schema column public.orders.total": "default"}),
			change("index", "drop index orders_customer", "create index orders_customer on orders (customer)",
				map[string]string{"schema index public.orders_customer": "removed"}),
			change("sequence", "select nextval('drawn')", "select setval('drawn', 1)",
				map[string]string{"sequence public.drawn": "value"}),
			change("owner and comment", "alter table orders owner to clerk; comment on table orders is null",
				"alter table orders owner to shop; grant select on orders to clerk; comment on table orders is 'what was ordered'", nil),
			change("setting", "alter database shop set work_mem = '9MB'", "alter database shop set work_mem = '8MB'",
				map[string]string{"setting work_mem": "value"}),
		}
		h.Same = []kindtest.Mutation{
			change("rewritten rows", "update odd set f = f; vacuum full odd", "select 1", nil),
		}
		kindtest.Run(t, h)
	})
	t.Run("server", func(t *testing.T) {
		h := harness
		h.Item = kind.ID{Kind: postgres.Kind, Name: server.Container}
		h.Mutations = []kindtest.Mutation{
			change("role", "create role temp", "drop role temp", map[string]string{"role temp": "added"}),
			change("password", "alter role clerk password 'x'", "alter role clerk password null", map[string]string{"role clerk": "password"}),
		}
		h.Same = []kindtest.Mutation{change("checkpoint", "checkpoint", "select 1", nil)}
		kindtest.Run(t, h)
	})
}
