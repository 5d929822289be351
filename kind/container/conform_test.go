package container_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/container"
	"dogear/kind/kindtest"
)

// ways are the two ways to the engine's data directory.
func ways(t *testing.T, test func(t *testing.T, options docker.Options)) {
	t.Helper()
	testbed.Require(t, "docker")
	t.Run("root", func(t *testing.T) {
		t.Parallel()
		testbed.Require(t, "root")
		test(t, docker.Options{})
	})
	t.Run("courier", func(t *testing.T) {
		t.Parallel()
		test(t, docker.Options{AlwaysCourier: true, CourierBinary: courierBinary(t)})
	})
}

// courierBinary builds what runs in the courier's container.
func courierBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "courier")
	build := exec.Command("go", "build", "-o", path, filepath.Join(testbed.Root(t), "internal/docker/testdata/courier"))
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

func driver(t *testing.T, options docker.Options) *container.Driver {
	t.Helper()
	d := container.New(docker.NewConnector(options))
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func workspace(t *testing.T, containers ...string) *kind.Workspace {
	t.Helper()
	ws := kindtest.Workspace(t.TempDir())
	ws.Config["container"] = include(containers)
	return ws
}

// TestLayer (D1, D2) changes every attribute of every entry of a writable
// layer. It is read and written as a tree: neither archives nor the engine's
// own diff know all of them.
func TestLayer(t *testing.T) {
	t.Parallel()
	testbed.Require(t, "root")
	ways(t, func(t *testing.T, options docker.Options) {
		name := testbed.Container(t, "busybox", nil, "true")
		testbed.Docker(t, "wait", name)
		upper := testbed.Inspect(t, name, ".GraphDriver.Data.UpperDir")
		kindtest.PlantTree(t, filepath.Join(upper, "planted"))
		kindtest.Run(t, kindtest.Harness{
			Driver:    driver(t, options),
			Workspace: workspace(t, name),
			Item:      kind.ID{Kind: "container", Name: name},
			Witness: func(t *testing.T) any {
				return []any{testbed.Inspect(t, name, ".Id"), kindtest.Inodes(t, filepath.Join(upper, "planted"))}
			},
			Mutations: kindtest.TreeMutations(upper, "planted", func(path string) string { return "/" + path }),
		})
	})
}

// TestSettings (D10) changes one setting after the other, by making the container
// anew with it, and demands that this one is named.
func TestSettings(t *testing.T) {
	t.Parallel()
	name, options := testbed.Name("container"), []string{"--env", "COLOUR=red", "--label", "team=a", "--hostname", "h", "-p", "127.0.0.1::80"}
	run := func(t *testing.T, more ...string) {
		t.Helper()
		testbed.Docker(t, "rm", "--force", name)
		args := append([]string{"run", "--detach", "--name", name, testbed.LabelFlag()}, options...)
		command := more
		if len(command) == 0 || command[0][0] == '-' {
			args, command = append(args, more...), idle()
		}
		testbed.Docker(t, append(append(args, testbed.Image(t, "busybox")), command...)...)
	}
	change := func(title string, want map[string]string, more ...string) kindtest.Mutation {
		return kindtest.Mutation{Name: title, Want: want, Do: func(t *testing.T) { run(t, more...) }}
	}
	testbed.Require(t, "docker", "root")
	t.Cleanup(func() { testbed.Docker(t, "rm", "--force", "--volumes", name) })
	run(t)
	network, volume := testbed.Network(t), testbed.Volume(t)
	d, ws, id := driver(t, docker.Options{}), workspace(t, name), kind.ID{Kind: "container", Name: name}
	kindtest.Run(t, kindtest.Harness{
		Driver:    d,
		Workspace: ws,
		Item:      id,
		Stop: func(t *testing.T) {
			_, err := d.Stop(t.Context(), ws, id)
			require.NoError(t, err)
		},
		Start: func(t *testing.T) { testbed.Docker(t, "start", name) },
		Mutations: []kindtest.Mutation{
			change("environment value", map[string]string{"env COLOUR": "type"}, "--env", "COLOUR=blue"),
			change("environment added", map[string]string{"env SHAPE": "added"}, "--env", "SHAPE=round"),
			change("label value", map[string]string{"label team": "type"}, "--label", "team=b"),
			change("label added", map[string]string{"label new": "added"}, "--label", "new="),
			change("user", map[string]string{"user": "added"}, "--user", "1:1"),
			change("working directory", map[string]string{"workdir": "added"}, "--workdir", "/bin"),
			change("hostname", map[string]string{"hostname": "type"}, "--hostname", "g"),
			change("memory", map[string]string{"host Memory": "added", "host MemorySwap": "added"}, "--memory", "32m"),
			change("capability", map[string]string{"host CapAdd": "added"}, "--cap-add", "NET_ADMIN"),
			change("published port", map[string]string{"config ExposedPorts": "type", "port 81/tcp": "added"}, "-p", "127.0.0.1::81"),
			change("health check", map[string]string{"healthcheck": "added"}, "--health-cmd", "true"),
			change("stop signal", map[string]string{"config StopSignal": "added"}, "--stop-signal", "INT"),
			change("tmpfs", map[string]string{"host Tmpfs": "added"}, "--tmpfs", "/tmp"),
			change("volume", map[string]string{"mount /tmp": "added"}, "-v", volume+":/tmp"),
			change("network", map[string]string{"network bridge": "removed", "network " + network: "added", "host NetworkMode": "type"}, "--network", network),
			change("command", map[string]string{"cmd": "arguments"}, "sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.1; done"),
			{
				Name: "another network", Want: map[string]string{"network " + network: "added"},
				Do: func(t *testing.T) { testbed.Docker(t, "network", "connect", network, name) },
			},
			{
				Name: "paused", Want: map[string]string{"state": "type"},
				Do:   func(t *testing.T) { testbed.Docker(t, "pause", name) },
				Undo: func(t *testing.T) { testbed.Docker(t, "unpause", name) },
			},
			{
				Name: "stopped", Want: map[string]string{"state": "value"},
				Do:   func(t *testing.T) { testbed.Docker(t, "stop", name) },
				Undo: func(t *testing.T) { testbed.Docker(t, "start", name) },
			},
			{
				Name: "restart policy", Want: map[string]string{"restart policy": "type"},
				Do:   func(t *testing.T) { testbed.Docker(t, "update", "--restart", "always", name) },
				Undo: func(t *testing.T) { testbed.Docker(t, "update", "--restart", "no", name) },
			},
		},
		Same: []kindtest.Mutation{
			{Name: "restarted", Do: func(t *testing.T) { testbed.Docker(t, "restart", name) }},
			{Name: "temporary file", Do: func(t *testing.T) {
				testbed.Exec(t, name, "sh", "-c", "mkdir -p /var/log /run; echo x > /tmp/x; echo y > /var/log/y")
			}},
		},
		Remove: func(t *testing.T) { testbed.Docker(t, "rm", "--force", name) },
	})
}

// idle is a main process that writes nothing, and ends when it is told to.
func idle() []string {
	return []string{"sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"}
}
