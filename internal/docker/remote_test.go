package docker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/internal/tree"
	"dogear/kind/kindtest"
)

// TestRemote reads an engine that is reached over the network as one on this
// host (D19): its paths mean nothing here, so nothing is read at them, and a
// courier over there streams what is new.
func TestRemote(t *testing.T) {
	testbed.Require(t, "docker", "root")
	name := testbed.Volume(t)
	user := testbed.Container(t, "busybox", []string{"-v", name + ":/v"}, "sh", "-c", "echo v > /v/f; ln /v/f /v/g; echo layer > /f")
	testbed.Docker(t, "wait", user)
	local := engineWith(t, docker.Options{})
	t.Setenv("DOCKER_HOST", testbed.Forwarded(t, "/var/run/docker.sock"))
	remote := engineWith(t, docker.Options{CourierBinary: courierBinary(t)})
	require.False(t, remote.Local())
	require.False(t, remote.ReadsItself())

	for _, what := range []func(*docker.Engine) (tree.Tree, error){
		func(e *docker.Engine) (tree.Tree, error) {
			v, err := e.Volume(t.Context(), name)
			require.NoError(t, err)
			return e.VolumeTree(t.Context(), v)
		},
		func(e *docker.Engine) (tree.Tree, error) {
			c, err := e.Container(t.Context(), user)
			require.NoError(t, err)
			return e.Tree(t.Context(), c.GraphDriver.Data["UpperDir"])
		},
	} {
		here, err := what(local)
		require.NoError(t, err)
		there, err := what(remote)
		require.NoError(t, err)
		require.Equal(t, collect(t, here.Entries(t.Context(), tree.Options{})), collect(t, there.Entries(t.Context(), tree.Options{})))
		store := kindtest.NewMemory()
		require.Equal(t, captureTree(t, here, store), captureTree(t, there, store))
	}
}
