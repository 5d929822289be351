package mysql_test

import (
	"encoding/json"
	"net/url"
	"strings"
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
		"--log-bin=/srv/logs/change", "--innodb-log-group-home-dir=/srv/logs", "--innodb-undo-directory=/srv/logs", "--innodb-undo-tablespaces=2",
		"--innodb-data-home-dir=/srv/logs", "--aria-log-dir-path=/srv/logs", "--port=3399")
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
		for _, name := range []string{"ib_logfile0", "undo001", "ibdata1", "aria_log_control"} {
			require.True(t, claimed(logs, name), name)
			testbed.Exec(t, container, "ls", "/srv/logs/"+name)
		}
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

// A server that dogear.yaml names by an address: its database alone belongs to
// the workspace, the password is in no fact, error, argument or record, and the
// name means the same server later.
func TestServerAtAnAddress(t *testing.T) {
	inside := newRig(t)
	inside.sql(schema)
	inside.sql("CREATE DATABASE others; CREATE USER app@'%' IDENTIFIED BY 'hush:/@ hush'; GRANT ALL ON *.* TO app@'%' WITH GRANT OPTION")
	address := testbed.Inspect(t, inside.container, "range .NetworkSettings.Networks}}{{.IPAddress}}{{end")
	at := func(address string) map[string]json.RawMessage {
		return map[string]json.RawMessage{"mysql": json.RawMessage(`{"servers": {"main": {"dsn": "mysql://app:${PASSWORD}@` + address + `:3306/shop"}}}`)}
	}
	r := rigOn(t, testbed.Container(t, "busybox", nil, "sleep", "600"))
	r.ws.Config = at(address)
	_, err := r.driver.Find(t.Context(), r.ws, nil)
	require.ErrorContains(t, err, "no variable PASSWORD")
	r.ws.Variables = map[string]string{"PASSWORD": url.QueryEscape("hush:/@ hush")}
	r.ws.Variables["PASSWORD"] = strings.ReplaceAll(r.ws.Variables["PASSWORD"], "+", "%20")
	items, err := r.driver.Find(t.Context(), r.ws, nil)
	require.NoError(t, err)
	require.Equal(t, []kind.Item{{ID: kind.ID{Kind: "mysql", Name: "main/shop"}}}, items)
	r.items = items
	want := inside.factsOf(inside.item("shop"))
	require.Equal(t, want, r.factsOf(items[0]))
	store := kindtest.NewMemory()
	part, facts := r.capture(items[0], store, nil)
	require.Equal(t, want, facts)
	for _, gap := range part.Gaps {
		require.NotContains(t, gap.Why, "hush")
	}
	inside.sql("DELETE FROM odd; CREATE TABLE others.t (n int)")
	change, err := r.driver.Preview(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	require.Empty(t, change.Conflicts)
	require.Equal(t, address, change.Remote, "no address of this machine: --yes-remote has to be given")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, want, r.factsOf(items[0]))
	require.Equal(t, "t", inside.sql("SHOW TABLES FROM others"))

	inside.sql("DELETE FROM odd")
	r.ws.Config = at("localhost")
	_, err = first(r.driver.Inspect(t.Context(), r.ws, items[0]))
	require.ErrorIs(t, err, kind.ErrNotRunning)
	require.NotContains(t, err.Error(), "hush")
	other := newRig(t)
	other.sql("CREATE USER app@'%' IDENTIFIED BY 'hush:/@ hush'; GRANT ALL ON *.* TO app@'%' WITH GRANT OPTION; CREATE TABLE mine (n int)")
	r.ws.Config = at(testbed.Inspect(t, other.container, "range .NetworkSettings.Networks}}{{.IPAddress}}{{end"))
	require.ErrorContains(t, r.driver.Restore(t.Context(), r.ws, part, store), "it was captured from "+address+":3306, and that name means")
	require.Equal(t, "mine", other.sql("SHOW TABLES"))
	r.ws.Options = map[string]string{"mysql.other-server": "true"}
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Empty(t, changed(want, r.factsOf(items[0])), "and it is restored there")
}
