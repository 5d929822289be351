package snapshot_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/snapshot"
)

func TestLevels(t *testing.T) {
	needs := map[kind.ID][]kind.ID{
		id("c/web"): {id("c/db"), id("n/front")}, id("c/db"): {id("v/data"), id("n/back")}, id("n/back"): {id("c/dns")},
	}
	of := func(i kind.ID) []kind.ID { return needs[i] }
	require.Equal(t, [][]kind.ID{{id("c/dns")}, {id("c/db")}, {id("c/web")}},
		snapshot.Levels([]kind.ID{id("c/web"), id("c/db"), id("c/dns")}, of), "also through what is not listed")
	needs[id("c/dns")] = []kind.ID{id("c/web")}
	require.Equal(t, [][]kind.ID{{id("c/db"), id("c/dns"), id("c/web")}},
		snapshot.Levels([]kind.ID{id("c/web"), id("c/db"), id("c/dns")}, of), "a circle ends")
}

func TestWhatHostsAServerStartsFirst(t *testing.T) {
	needs := map[kind.ID][]kind.ID{id("c/db"): {id("c/vpn")}, id("c/web"): {id("c/app")}}
	ids := []kind.ID{id("c/app"), id("c/db"), id("c/vpn"), id("c/web")}
	require.Equal(t, [][]kind.ID{{id("c/vpn")}, {id("c/db")}, {id("c/app")}, {id("c/web")}},
		snapshot.StartLevels(ids, []kind.ID{id("c/db")}, func(i kind.ID) []kind.ID { return needs[i] }))
}

func TestTurnsComeAfterWhatTheyNeed(t *testing.T) {
	needs := map[kind.ID][]kind.ID{
		id("c/db"): {id("v/data")}, id("v/data"): {id("c/vpn")}, id("c/web"): {id("c/app")}, id("c/a"): {id("c/b")}, id("c/b"): {id("c/a")},
	}
	ids := []kind.ID{id("c/app"), id("c/db"), id("c/vpn"), id("c/web"), id("c/slow"), id("c/a"), id("c/b")}
	after := make(map[kind.ID][]kind.ID)
	for _, turn := range snapshot.StartTurns(ids, []kind.ID{id("c/db")}, func(i kind.ID) []kind.ID { return needs[i] }) {
		for _, before := range turn.After {
			require.Contains(t, after, before, "it has had its turn")
		}
		after[turn.ID] = turn.After
	}
	require.Equal(t, map[kind.ID][]kind.ID{
		id("c/vpn"): nil, id("c/db"): {id("c/vpn")}, id("c/app"): {id("c/db")}, id("c/slow"): {id("c/db")},
		id("c/web"): {id("c/app"), id("c/db")}, id("c/a"): {id("c/db")}, id("c/b"): {id("c/db")},
	}, after, "not the whole level before, also through what is not listed; a circle ends")
}
