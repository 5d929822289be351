package container_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
)

func include(containers []string) json.RawMessage {
	raw, _ := json.Marshal(map[string][]string{"include": containers}) // strings always encode
	return raw
}

// sleeper is a main process that ends when it is told to.
var sleeper = []string{"sh", "-c", "trap 'sleep $(cat /slow 2>/dev/null || echo 0); exit 0' TERM; test -e /ready || echo ready > /ready; while :; do sleep 0.1; done"}

func started(t *testing.T, options ...string) string {
	t.Helper()
	name := testbed.Container(t, "busybox", options, sleeper...)
	testbed.Eventually(t, 10*time.Second, "the container is ready", func() bool {
		return testbed.Exec(t, name, "sh", "-c", "cat /ready 2>/dev/null || true") == "ready"
	})
	return name
}

// TestSameContainerIsCorrectedInPlace (D9): with the same settings it keeps its
// id, and so its log and who refers to it; it is not created again. Deletions
// in its layer (D23) come and go as marks of the file system.
func TestSameContainerIsCorrectedInPlace(t *testing.T) {
	t.Parallel()
	name := started(t, "-v", "/data", "-e", "SECRET=hunter2", "--label", "a=b", "--hostname", "shop")
	testbed.Exec(t, name, "sh", "-c", "echo one > /etc/app.conf; mkdir /empty; chmod 4755 /etc/app.conf; echo v > /data/v; rm /bin/vi; ln -s nowhere /link")
	w := newWorld(t, docker.Options{}, name)
	parts := w.capture()
	require.Empty(t, w.differences(parts))
	id := testbed.Inspect(t, name, ".Id")

	testbed.Exec(t, name, "sh", "-c", "echo two > /etc/app.conf; rmdir /empty; rm /data/v; touch /new; ln /etc/app.conf /hard; rm /link; mkdir /link")
	require.NotEmpty(t, w.differences(parts))
	w.restore(parts)
	require.Empty(t, w.differences(parts))
	require.Equal(t, id, testbed.Inspect(t, name, ".Id"))
	require.Equal(t, "one", testbed.Exec(t, name, "cat", "/etc/app.conf"))
	require.Equal(t, "v", testbed.Exec(t, name, "cat", "/data/v"))
	for _, p := range parts {
		for _, f := range p.facts {
			require.NotContains(t, f.Value, "hunter2")
		}
	}
}

// TestRemovedContainerIsMadeAgain (D8, D10) with its anonymous volumes, which are
// asked for by name, and in all its networks, of which creating it takes one.
func TestRemovedContainerIsMadeAgain(t *testing.T) {
	t.Parallel()
	netA, netB := testbed.Network(t), testbed.Network(t, "--subnet", "10.213.7.0/24")
	vol := testbed.Volume(t)
	name := started(t, "-v", "/anonymous", "-v", vol+":/named:ro", "--mount", "type=volume,dst=/mounted",
		"--network", netA, "--network-alias", "shopalias", "-p", "127.0.0.1::80", "--restart", "unless-stopped",
		"-e", "A=1", "--hostname", "h", "--cap-add", "NET_ADMIN", "--shm-size", "32m", "--init=false", "--tmpfs", "/scratch:size=1m",
		"--health-cmd", "true", "--health-interval", "1s", "--ulimit", "nofile=512:512", "--add-host", "x:1.2.3.4", "--user", "0:0", "-w", "/tmp")
	testbed.Docker(t, "network", "connect", "--ip", "10.213.7.9", "--alias", "two", netB, name)
	testbed.Exec(t, name, "sh", "-c", "echo a > /anonymous/a; echo m > /mounted/m; echo l > /layer")
	w := newWorld(t, docker.Options{}, name)
	parts := w.capture()
	require.Empty(t, w.differences(parts))

	testbed.Docker(t, "rm", "--force", "--volumes", name)
	testbed.Docker(t, "network", "rm", netB)
	w.restore(parts)
	require.Empty(t, w.differences(parts))
	require.Equal(t, "a m l", testbed.Exec(t, name, "sh", "-c", "echo $(cat /anonymous/a /mounted/m /layer)"))
}
