package network_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
	"dogear/kind/network"
)

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
