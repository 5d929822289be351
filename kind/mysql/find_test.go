package mysql_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// No network, a data directory at an unusual place and logs and table spaces
// at others: the server is found by its process and reached through its
// socket, as root by the account, and everything that it writes is claimed.
func TestServerOnNoNetwork(t *testing.T) {
	volume, logs := testbed.Volume(t), testbed.Volume(t)
	container := testbed.MariaDB(t, volume, []string{"--network=none", "--volume=" + logs + ":/srv/logs"},
		"--log-bin=/srv/logs/change", "--innodb-log-group-home-dir=/srv/logs", "--port=3399")
	r := rigOn(t, container)
	names := []string{}
	for _, item := range r.items {
		names = append(names, item.ID.Name)
		require.Equal(t, kind.ID{Kind: "container", Name: container}, item.RunsIn)
		claimed := func(volume, path string) bool {
			for _, claim := range item.Claims {
				if claim.On == (kind.ID{Kind: "volume", Name: volume}) && kind.MatchAny(claim.Paths, path) {
					return true
				}
			}
			return false
		}
		require.True(t, claimed(volume, "data/shop/orders.ibd"))
		require.True(t, claimed(volume, "data/aria_log.00000001"))
		require.True(t, claimed(logs, "change.000001"))
		require.False(t, claimed(volume, "data/.my.cnf"))
		require.False(t, claimed(volume, "data"))
		require.True(t, claimed(logs, "ib_logfile0"))
		require.False(t, claimed(logs, "slow.log"))
	}
	require.Equal(t, []string{container, container + "/shop"}, names)
	r.sql(schema)
	store := kindtest.NewMemory()
	before := r.facts()
	part, _ := r.capture(r.item("shop"), store, nil)
	require.Empty(t, part.Gaps)
	require.NotEmpty(t, read(t, store, part, "schema.sql"))
	r.sql("DROP TABLE odd")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Empty(t, changed(before, r.facts()))
}

// The services that use a database have the same variables as the database.
func TestClientsAreNoServers(t *testing.T) {
	client := testbed.Container(t, "busybox", []string{"--env=MYSQL_USER=shop", "--env=MYSQL_PASSWORD=x"}, "sleep", "600")
	require.Empty(t, rigOn(t, client).items)
}

// The password in the environment is wrong, and the socket lets nobody in.
func TestPasswordsAreNotShown(t *testing.T) {
	r := rigOn(t, testbed.MariaDB(t, testbed.Volume(t), []string{"--env=MYSQL_USER=clerk", "--env=MYSQL_PASSWORD=wrong one"}))
	testbed.Exec(t, r.container, "mariadb", "-e", "ALTER USER root@localhost IDENTIFIED BY 'other', root@'%' IDENTIFIED BY 'other'")
	_, err := first(r.driver.Inspect(t.Context(), r.ws, r.items[0]))
	require.ErrorIs(t, err, kind.ErrNotRunning)
	require.ErrorContains(t, err, "Access denied")
	require.NotContains(t, err.Error(), "wrong one")
	part, _ := r.capture(r.items[0], kindtest.NewMemory(), nil)
	require.Len(t, part.Gaps, 1)
	require.NotContains(t, part.Gaps[0].Why, "wrong one")
	require.NotContains(t, testbed.Docker(t, "top", r.container, "-eo", "pid,args"), "wrong one")
}

func TestSectionOfConfiguration(t *testing.T) {
	r := rigOn(t, testbed.Container(t, "busybox", nil, "sleep", "600"))
	r.ws.Config = map[string]json.RawMessage{"mysql": json.RawMessage(`{"dsn": "x"}`)}
	_, err := r.driver.Find(t.Context(), r.ws, nil)
	require.ErrorContains(t, err, "nothing can be set there yet")
}
