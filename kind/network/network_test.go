package network_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
	"dogear/kind/network"
)

// TestConforms (D11) makes a network again for each thing that can be set.
func TestConforms(t *testing.T) {
	testbed.Require(t, "docker")
	name := testbed.Name("network")
	id := func() string { return testbed.Docker(t, "network", "inspect", "--format", "{{.Id}}", name) }
	create := func(t *testing.T, options ...string) {
		t.Helper()
		testbed.Docker(t, append(append([]string{"network", "create", testbed.LabelFlag()}, options...), name)...)
	}
	create(t, "--label", "team=a", "--opt", "com.docker.network.driver.mtu=1400")
	t.Cleanup(func() { testbed.Docker(t, "network", "rm", name) })
	anew := func(title string, want map[string]string, options ...string) kindtest.Mutation {
		return kindtest.Mutation{Name: title, Want: want, Do: func(t *testing.T) {
			testbed.Docker(t, "network", "rm", name)
			create(t, options...)
		}}
	}
	label, mtu := []string{"--label", "team=a"}, []string{"--opt", "com.docker.network.driver.mtu=1400"}
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	kindtest.Run(t, kindtest.Harness{
		Driver:    network.New(engines),
		Workspace: kindtest.Workspace(t.TempDir()),
		Found:     []kind.Item{{ID: kind.ID{Kind: "container", Name: "c"}, Needs: []kind.ID{{Kind: "network", Name: name}}}},
		Item:      kind.ID{Kind: "network", Name: name},
		Witness:   func(*testing.T) any { return id() },
		Mutations: []kindtest.Mutation{
			anew("label", map[string]string{"label team": "type"}, append([]string{"--label", "team=b"}, mtu...)...),
			anew("option", map[string]string{"option com.docker.network.driver.mtu": "removed"}, label...),
			anew("internal", map[string]string{"internal": "type"}, append(append([]string{"--internal"}, label...), mtu...)...),
			anew("attachable", map[string]string{"attachable": "type"}, append(append([]string{"--attachable"}, label...), mtu...)...),
			anew("ipv6", map[string]string{"ipv6": "type", "subnet 10.213.98.0/24": "added", "subnet fd00:213::/64": "added"},
				append(append([]string{"--ipv6", "--subnet", "fd00:213::/64", "--subnet", "10.213.98.0/24"}, label...), mtu...)...),
			anew("subnet", map[string]string{"subnet 10.213.99.0/24": "added"}, append(append([]string{"--subnet", "10.213.99.0/24"}, label...), mtu...)...),
		},
		Same: []kindtest.Mutation{
			{Name: "made anew", Do: func(t *testing.T) {
				testbed.Docker(t, "network", "rm", name)
				create(t, append(label, mtu...)...)
			}},
		},
		Remove: func(t *testing.T) { testbed.Docker(t, "network", "rm", name) },
	})
}

// TestOfOthers is not taken from under a stranger's container.
func TestOfOthers(t *testing.T) {
	testbed.Require(t, "docker")
	name := testbed.Network(t)
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	stranger := testbed.Container(t, "busybox", []string{"--network", name}, "true")
	item := kind.Item{ID: kind.ID{Kind: "network", Name: name}}
	require.ErrorContains(t, network.New(engines).Remove(t.Context(), kindtest.Workspace(t.TempDir()), item), stranger)
}

// TestInTheWay finds at planning what the engine would refuse half-way (D11):
// addresses that another network has taken, and a name that means two.
func TestInTheWay(t *testing.T) {
	testbed.Require(t, "docker")
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	d, ws, store := network.New(engines), kindtest.Workspace(t.TempDir()), kindtest.NewMemory()
	name := testbed.Name("network")
	create := []string{"network", "create", testbed.LabelFlag(), "--subnet", "10.213.97.0/24", name}
	id := testbed.Docker(t, create...)
	c, err := d.Open(t.Context(), ws, kind.Item{ID: kind.ID{Kind: "network", Name: name}}, store)
	require.NoError(t, err)
	require.NoError(t, c.Take(t.Context()))
	part, err := c.Finish(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.Close())
	planned := func() kind.Change {
		t.Helper()
		change, err := d.Preview(t.Context(), ws, part, store)
		require.NoError(t, err)
		return change
	}
	require.Equal(t, kind.ActionNone, planned().Action)

	testbed.Docker(t, "network", "rm", id)
	require.Empty(t, planned().Conflicts)
	taker := testbed.Network(t, "--subnet", "10.213.96.0/23")
	require.Len(t, planned().Conflicts, 1)
	require.Contains(t, planned().Conflicts[0], taker)

	twins := []string{twin(t, name), twin(t, name)}
	change := planned()
	require.Len(t, change.Conflicts, 1)
	for _, twin := range twins {
		require.Contains(t, change.Conflicts[0], twin)
	}
	require.ErrorIs(t, d.Restore(t.Context(), ws, part, store), docker.ErrSeveral)
}

// twin makes a network whose name is not checked, as some programs do, and
// returns its id.
func twin(t *testing.T, name string) string {
	t.Helper()
	answer := testbed.RunInput(t, `{"Name":"`+name+`","Labels":{"`+testbed.Label+`":"1"}}`, "curl", "--silent", "--fail",
		"--unix-socket", "/var/run/docker.sock", "--header", "Content-Type: application/json", "--data", "@-",
		"http://docker/v1.41/networks/create")
	var made struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(answer), &made))
	t.Cleanup(func() { testbed.Docker(t, "network", "rm", made.ID) })
	return made.ID
}
