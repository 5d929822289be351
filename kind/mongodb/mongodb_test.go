package mongodb_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
	"dogear/kind/mongodb"
)

// standIn is a program that has a server's name and says its version. Debian
// has no MongoDB, so no test has a real one.
const standIn = `cat >/usr/local/bin/mongod <<'END'
#!/bin/sh
echo "db version v6.0.5"
echo "Build Info: {}"
END
chmod 755 /usr/local/bin/mongod
printf 'storage:\n  dbPath: /srv/mongo/data\n' >/etc/mongod.conf
exec -a "mongod -f /etc/mongod.conf" sleep 600`

// A server is found by its process, named with its version, speaks for its
// files, and says that it has no dump and that its contents are not compared.
func TestServerIsFoundAndNamed(t *testing.T) {
	volume := testbed.Volume(t)
	container := testbed.Container(t, "bookworm", []string{"--volume=" + volume + ":/srv/mongo", "--entrypoint=/bin/bash"}, "-c", standIn, "mongod")
	plain := testbed.Container(t, "busybox", nil, "sleep", "600")
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	driver, ws := mongodb.New(engines), kindtest.Workspace(t.TempDir())
	found := []kind.Item{{ID: kind.ID{Kind: "container", Name: container}}, {ID: kind.ID{Kind: "container", Name: plain}}}
	var item kind.Item
	testbed.Eventually(t, time.Minute, "it is found", func() bool {
		items, err := driver.Find(t.Context(), ws, found)
		require.NoError(t, err)
		if len(items) != 1 || len(items[0].Claims) != 1 || items[0].Claims[0].On.Kind != "volume" {
			return false
		}
		item = items[0]
		return true
	})
	require.Equal(t, kind.ID{Kind: mongodb.Kind, Name: container}, item.ID)
	require.Equal(t, kind.ID{Kind: "volume", Name: volume}, item.Claims[0].On)
	require.True(t, kind.MatchAny(item.Claims[0].Paths, "data/WiredTiger.wt"))
	require.False(t, kind.MatchAny(item.Claims[0].Paths, "other"))
	require.Equal(t, []kind.Fact{{Name: "version", Value: "6.0.5"}}, kindtest.Collect(t, driver.Inspect(t.Context(), ws, item)))

	take := func() kind.Part {
		c, err := driver.Open(t.Context(), ws, item, kindtest.NewMemory())
		require.NoError(t, err)
		require.NoError(t, c.Take(t.Context()))
		part, err := c.Finish(t.Context())
		require.NoError(t, err)
		require.NoError(t, c.Close())
		return part
	}
	part := take()
	require.Len(t, part.Gaps, 1)
	require.Equal(t, "dump, and contents as facts", part.Gaps[0].What)
	left, err := driver.Narrow(t.Context(), ws, part, nil)
	require.NoError(t, err)
	require.Equal(t, "contents", left.Gap.What)
	require.False(t, left.Leaves("version"))

	testbed.Docker(t, "stop", "--time=1", container)
	stopped, err := driver.Find(t.Context(), ws, found)
	require.NoError(t, err)
	require.Len(t, stopped, 1, "its command line names it")
	for _, err := range driver.Inspect(t.Context(), ws, item) {
		require.ErrorIs(t, err, kind.ErrNotRunning)
	}
	require.Empty(t, kindtest.Collect(t, take().Facts))
}
